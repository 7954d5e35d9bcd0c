import { afterAll, beforeAll, expect } from 'vitest';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest, Note, Project, User } from '../support/gitlab/state.ts';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

export const APP_FILE = '.branch-deployment.yml';
export const runtime = new InstantRuntime();
export let t: World;
export let door: CiDoor;
export let stranger: User;
export let fork: Project;

/** A target project, a stranger's fork of it, and a service that takes forks once they are approved; for a whole file. */
export function useForkWorld(): void {
  beforeAll(async () => {
    t = await openWorld({
      pipelines: false,
      runtime,
      files: { [APP_FILE]: 'start: x\n' },
      env: { BD_FORKS: 'approved' },
      service: { heldAtMost: 4 },
    });
    door = new CiDoor(t);
    stranger = t.gitlab.addUser('stranger', { name: 'A Stranger' });
    fork = await t.gitlab.fork(t.project, stranger);
  });
  afterAll(() => t.close());
}

export const push = (branch: string, answer: string, project = fork) =>
  t.gitlab.push(project, branch, { files: { [ANSWER_FILE]: answer }, author: stranger });

export async function open(branch: string, answer = branch): Promise<MergeRequest> {
  await push(branch, answer);
  return t.gitlab.openMergeRequest(t.project, { sourceBranch: branch, sourceProject: fork, author: stranger });
}

export interface Deployed {
  readonly token: string;
  readonly url: string;
  /** Answer of the upload. */
  readonly text: string;
}

/** What a deploy job does: in the target project (where a member ran the pipeline), or in the fork. */
export async function deploy(mr: MergeRequest, answer: string, where: 'target' | 'fork' = 'target'): Promise<Deployed> {
  const pipeline = where === 'fork' ? forksPipeline(mr) : door.pipeline(mr);
  const token = await door.token(door.job(pipeline));
  const begun = await door.deploy(token, mr.iid, { merge_request_project_id: String(t.project.id) });
  expect(begun).toMatchObject({ status: 200, text: expect.stringContaining('upload yes') });
  const archive = makeArchive([
    { path: APP_FILE, content: 'start: x\n' },
    { path: ANSWER_FILE, content: answer },
  ]);
  const { text } = await door.upload(token, archive);
  return { token, url: /^url (\S+)/m.exec(begun.text)?.[1] as string, text };
}

/** GitLab makes it with the fork's branch as its ref. */
export function forksPipeline(mr: MergeRequest) {
  return door.pipeline(mr, { project: fork, ref: mr.sourceBranch });
}

export async function say(mr: MergeRequest, user: User, body: string): Promise<Note> {
  const note = (await t.gitlab.comment(t.project, mr.iid, user, body)) as Note;
  await until(`an answer to "${body}"`, () => note.emojis.length > 0, 10_000);
  return note;
}

export const reactions = (note: Note) => note.emojis.map(({ name }) => name);
/** The reply to a comment; the emoji comes first. */
export const replyTo = (mr: MergeRequest, note: Note) =>
  until(
    'a reply',
    () =>
      t.gitlab.notes(t.project, mr.iid).find(({ body }) => body.includes(`branch-deployments:reply:${note.id} `))?.body,
    10_000,
  );
export const serves = (url: string, answer: string) =>
  until(`${url} to answer ${answer}`, async () => (await t.preview(url)).body === answer, 10_000);
export const noteSays = (mr: MergeRequest, text: string) =>
  until(
    () => `the note of !${mr.iid} to say "${text}":\n${t.note(mr.iid)?.body}`,
    () => t.note(mr.iid)?.body.includes(text) === true,
    10_000,
  );
export const instancesOf = async (mr: MergeRequest) =>
  (await runtime.list()).filter((name) => name.startsWith(`mr-${mr.iid}-`));
export const exitOf = async (deployed: Deployed) =>
  /^exit (\d+)$/m.exec((await door.call('GET', 'outcome', { token: deployed.token })).text)?.[1];

/** A member of the target project. */
export function member(name: string, level: number): User {
  const user = t.gitlab.addUser(name);
  t.gitlab.addMember(t.project, user, level);
  return user;
}
