import { join } from 'node:path';
import { Database } from '../../../src/store/sqlite.ts';
import { CiDoor } from '../../scenarios/ci-door.ts';
import { makeArchive } from '../../store/bundles/archives.ts';
import { ensureEnvironment, setExternalUrl } from '../../support/gitlab/acts/environments.ts';
import type { MergeRequest } from '../../support/gitlab/state.ts';
import type { World } from '../../support/world.ts';

const APP = { path: '.branch-deployment.yml', content: 'start: node server.mjs\n' };

/** A merge request with a deployment that runs, brought by the jobs' doors. */
export async function deployed(
  t: World,
  branch: string,
  file: ArchivedFile = { path: 'answer.txt', content: branch },
): Promise<MergeRequest> {
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  await deploy(t, mr, file);
  return mr;
}

/** A push to a merge request's branch, and its deploy job. */
export async function push(t: World, mr: MergeRequest, answer: string): Promise<void> {
  await t.push(mr.sourceBranch, { 'README.md': answer });
  await deploy(t, mr, { path: 'answer.txt', content: answer });
}

async function deploy(t: World, mr: MergeRequest, file: ArchivedFile): Promise<void> {
  const door = new CiDoor(t);
  // GitLab makes it when the job begins.
  const environment = ensureEnvironment(t.gitlab, t.project.id, { name: `review/mr-${mr.iid}` });
  environment.state = 'available';
  const { url } = await door.play(door.job(door.pipeline(mr)), mr.iid, makeArchive([APP, file]));
  // GitLab writes it when the job ends.
  setExternalUrl(t.gitlab, environment, url);
}

interface ArchivedFile {
  readonly path: string;
  readonly content: string | Buffer;
}

/** Rows of the service's own database, as they are now. */
export function rows<T>(t: World, query: string, ...values: unknown[]): T[] {
  const db = new Database(join(t.dataDir, 'service.sqlite'), { readonly: true });
  try {
    return db.prepare(query).all(...values) as T[];
  } finally {
    db.close();
  }
}

/** What the sweep says that it has put right. */
export function repairs(t: World): string[] {
  return rows<{ message: string }>(t, "select message from events where type = 'repaired' order by id").map(
    ({ message }) => message,
  );
}

/** Takes the webhooks away for as long as something happens. */
export async function unheard(t: World, act: () => Promise<void>): Promise<void> {
  await t.gitlab.webhooksSettled();
  const hooks = t.project.hooks.splice(0);
  await act();
  await t.gitlab.webhooksSettled();
  t.project.hooks.push(...hooks);
}
