import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitFiles, type FileChange } from '../git/commit.ts';
import { runGit } from '../git/git.ts';
import type { Readers } from '../readers.ts';
import type { EventName } from '../records.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Hook, Project, User } from '../state.ts';

export type ProjectRef = Project | number | string;

export interface ProjectOptions {
  /** `group/sub/project`. */
  readonly path: string;
  readonly name?: string;
  readonly files?: Readonly<Record<string, FileChange>>;
  readonly defaultBranch?: string;
  readonly visibility?: 'private' | 'public';
  readonly mergedResults?: boolean;
  readonly owner?: User;
}

export interface HookOptions {
  readonly url: string;
  readonly token?: string;
  /** `whsec_…`. */
  readonly signingToken?: string;
  /** Default: all. */
  readonly events?: readonly EventName[];
}

export function findProject(gitlab: Readers, key: ProjectRef): Project {
  if (typeof key === 'object') return key;
  const project = gitlab.state.projects.find(({ id, path }) => id === key || path === key);
  if (!project) throw new Error(`The stand-in GitLab has no project ${key}.`);
  return project;
}

export async function addProject(gitlab: StandInGitLab, options: ProjectOptions): Promise<Project> {
  const project = newProject(gitlab, options);
  await runGit(project.repository, [
    'init',
    '--quiet',
    '--bare',
    '--template=',
    '-b',
    project.defaultBranch,
    project.repository,
  ]);
  await allowAnyCommit(project.repository);
  await commitFiles(project.repository, {
    ref: `refs/heads/${project.defaultBranch}`,
    parent: null,
    files: options.files ?? { 'README.md': `# ${project.name}\n` },
    message: 'Initial commit',
    author: options.owner ?? { id: 0, username: 'root', name: 'Administrator', tokens: [], scopes: {} },
    timeMs: gitlab.now(),
  });
  gitlab.state.projects.push(project);
  return project;
}

export async function forkProject(
  gitlab: StandInGitLab,
  parent: Project,
  options: { readonly user: User; readonly path?: string },
): Promise<Project> {
  const name = parent.path.slice(parent.path.lastIndexOf('/') + 1);
  const project = newProject(gitlab, {
    path: options.path ?? `${options.user.username}/${name}`,
    name: parent.name,
    defaultBranch: parent.defaultBranch,
    visibility: parent.visibility,
    owner: options.user,
  });
  project.forkedFrom = parent.id;
  await runGit(parent.repository, ['clone', '--quiet', '--bare', '--template=', parent.repository, project.repository]);
  await allowAnyCommit(project.repository);
  gitlab.state.projects.push(project);
  return project;
}

export function addHook(gitlab: StandInGitLab, project: Project, options: HookOptions): Hook {
  const hook: Hook = {
    id: gitlab.nextId(),
    url: options.url,
    token: options.token ?? null,
    signingToken: options.signingToken ?? null,
    consecutiveFailures: 0,
    disabledUntil: null,
    events: options.events ?? null,
  };
  project.hooks.push(hook);
  return hook;
}

function newProject(gitlab: StandInGitLab, options: ProjectOptions): Project {
  if (gitlab.state.projects.some(({ path }) => path === options.path))
    throw new Error(`Project ${options.path} is there already.`);
  if (!/^[\w.-]+(\/[\w.-]+)+$/.test(options.path))
    throw new Error(`"${options.path}" is no path of a project: group/project.`);
  const id = gitlab.nextId();
  return {
    id,
    path: options.path,
    name: options.name ?? options.path.slice(options.path.lastIndexOf('/') + 1),
    defaultBranch: options.defaultBranch ?? 'main',
    repository: join(gitlab.rootDir, `project-${id}.git`),
    members: new Map(options.owner ? [[options.owner.id, 50]] : []),
    variables: [],
    mergedResults: options.mergedResults ?? false,
    forkedFrom: null,
    hooks: [],
    visibility: options.visibility ?? 'private',
    createdAt: gitlab.time(),
  };
}

/** As GitLab's own git server: a runner fetches a commit by its sha. */
async function allowAnyCommit(repository: string): Promise<void> {
  await appendFile(join(repository, 'config'), '[uploadpack]\n\tallowAnySHA1InWant = true\n[gc]\n\tauto = 0\n');
}
