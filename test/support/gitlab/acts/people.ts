import type { Readers } from '../readers.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Project, User } from '../state.ts';

export interface UserOptions {
  readonly name?: string;
  readonly tokens?: readonly string[];
  /** Scopes of those tokens that have less than `api`. */
  readonly scopes?: Readonly<Record<string, readonly string[]>>;
}

export function addUser(gitlab: StandInGitLab, username: string, options: UserOptions): User {
  if (gitlab.state.users.some((user) => user.username === username))
    throw new Error(`User ${username} is there already.`);
  const user: User = {
    id: gitlab.nextId(),
    username,
    name: options.name ?? username,
    tokens: [...(options.tokens ?? [`glpat-${username}`])],
    scopes: { ...options.scopes },
  };
  gitlab.state.users.push(user);
  return user;
}

export function findUser(gitlab: Readers, key: number | string): User {
  const user = gitlab.state.users.find(({ id, username }) => id === key || username === key);
  if (!user) throw new Error(`The stand-in GitLab has no user ${key}.`);
  return user;
}

export function addMember(project: Project, user: User, level: number): void {
  if (level > 0) project.members.set(user.id, level);
  else project.members.delete(user.id);
}

export function addGroupMember(gitlab: StandInGitLab, path: string, user: User, level: number): void {
  let group = gitlab.state.groups.find((other) => other.path === path);
  if (!group) {
    group = { path, members: new Map() };
    gitlab.state.groups.push(group);
  }
  if (level > 0) group.members.set(user.id, level);
  else group.members.delete(user.id);
}

export function accessLevel(gitlab: Readers, project: Project, userId: number): number {
  const inherited = gitlab.state.groups
    .filter((group) => project.path.startsWith(`${group.path}/`))
    .map((group) => group.members.get(userId) ?? 0);
  return Math.max(project.members.get(userId) ?? 0, ...inherited);
}
