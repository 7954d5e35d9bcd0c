import { makeArchive } from '../store/bundles/archives.ts';
import { ensureEnvironment, setExternalUrl } from '../support/gitlab/acts/environments.ts';
import type { Job, MergeRequest, Pipeline } from '../support/gitlab/state.ts';
import { ANSWER_FILE, type InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import type { World } from '../support/world.ts';
import type { CiDoor, PlayedJob } from './ci-door.ts';

const APP_FILE = { path: '.branch-deployment.yml', content: 'start: unused\n' };

/** What a deploy job of the instant runtime's app sends: it answers with this text. */
export const answering = (text: string) => makeArchive([APP_FILE, { path: ANSWER_FILE, content: text }]);

export interface Deployed extends PlayedJob {
  readonly pipeline: Pipeline;
  readonly job: Job;
}

/** A merge-request pipeline's deploy job by hand: its environment, its calls, its outcome. The world has an `InstantRuntime`. */
export async function deploy(
  door: CiDoor,
  mr: MergeRequest,
  text: string,
  inputs: Readonly<Record<string, string>> = {},
): Promise<Deployed> {
  const { gitlab } = door.world;
  const pipeline = door.pipeline(mr);
  const job = door.job(pipeline);
  const environment = ensureEnvironment(gitlab, mr.projectId, { name: `review/mr-${mr.iid}` });
  const played = await door.play(job, mr.iid, answering(text), inputs);
  // GitLab takes the link from the job's report.
  if (played.exit === '0') setExternalUrl(gitlab, environment, played.url);
  return { ...played, pipeline, job };
}

/** Closes every open merge request, and waits until nothing of them runs: the next test has the world to itself. */
export async function closeAll(world: World, runtime: InstantRuntime): Promise<void> {
  for (const mr of world.gitlab.state.mergeRequests.filter(({ state }) => state === 'opened'))
    await world.gitlab.closeMergeRequest(mr, world.dev);
  await until('all to be closed', async () => (await runtime.list()).length === 0);
}

/** What has happened so far has been looked at; later looks of the service are not waited for. */
export async function seen(world: World): Promise<void> {
  await world.gitlab.webhooksSettled();
  await until('it to be seen', () => world.service.idle(world.clock.now() + 100));
}
