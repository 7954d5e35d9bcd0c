import { CiDoor, type DoorWorld } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { branchMoved } from '../support/gitlab/acts/pushes.ts';
import { runGit } from '../support/gitlab/git/git.ts';
import { readAllCommits } from '../support/gitlab/git/read-commit.ts';
import type { Environment, MergeRequest } from '../support/gitlab/state.ts';

/** What the lives of merge requests are led in. */
export type Setting = DoorWorld;

/** One merge request, whose commits are made beforehand: git is not what is measured. */
export interface Life {
  readonly branch: string;
  /** Its first commit, and one for each push. */
  readonly commits: readonly string[];
  mergeRequest?: MergeRequest;
}

/** Branches with their commits, by one run of git. The branch stands at its first commit. */
export async function makeLives(setting: Setting, count: number, pushes: number): Promise<Life[]> {
  const { project, dev } = setting;
  const base = (await runGit(project.repository, ['rev-parse', project.defaultBranch])).stdout.trim();
  const who = `${dev.name} <${dev.username}@example.com> 1700000000 +0000`;
  const input: string[] = [];
  for (let life = 0; life < count; life += 1)
    for (let push = 0; push <= pushes; push += 1) {
      const message = `Change ${life} for the ${push}. time`;
      input.push(
        `commit refs/heads/change-${life}`,
        `mark :${life * (pushes + 1) + push + 1}`,
        `committer ${who}`,
        `data ${Buffer.byteLength(message)}`,
        message,
        ...(push === 0 ? [`from ${base}`] : []),
        '',
      );
    }
  for (let mark = 1; mark <= count * (pushes + 1); mark += 1) input.push(`get-mark :${mark}`);
  const { stdout } = await runGit(project.repository, ['fast-import', '--quiet', '--done'], {
    input: `${input.join('\n')}\ndone\n`,
  });
  const shas = stdout.trim().split('\n');
  await readAllCommits(project.repository);
  const lives = Array.from({ length: count }, (_, index) => ({
    branch: `change-${index}`,
    commits: shas.slice(index * (pushes + 1), (index + 1) * (pushes + 1)),
  }));
  const refs = lives.map(({ branch, commits }) => `update refs/heads/${branch} ${commits[0]}\n`);
  await runGit(project.repository, ['update-ref', '--stdin'], { input: refs.join('') });
  return lives;
}

/** The merge request is opened, and its first pipeline deploys. */
export async function open(setting: Setting, life: Life): Promise<void> {
  const { gitlab, project, dev } = setting;
  life.mergeRequest = await gitlab.openMergeRequest(project, {
    sourceBranch: life.branch,
    title: `Change ${life.branch}`,
    author: dev,
  });
  await deploy(setting, life.mergeRequest);
}

/** The push of one of its commits, and the pipeline that deploys it. */
export async function push(setting: Setting, life: Life, number: number): Promise<void> {
  const { gitlab, project, dev } = setting;
  const [before, sha] = life.commits.slice(number - 1, number + 1) as [string, string];
  await branchMoved(gitlab, project, { branch: life.branch, before, sha, user: dev });
  await deploy(setting, life.mergeRequest as MergeRequest);
}

/** GitLab plays the stop job by itself where a merge request is closed. */
export async function close({ gitlab, dev }: Setting, life: Life): Promise<void> {
  await gitlab.closeMergeRequest(life.mergeRequest as MergeRequest, dev);
}

/** The deploy job of a new pipeline, as GitLab and the component play it. */
async function deploy(setting: Setting, mergeRequest: MergeRequest): Promise<void> {
  const { gitlab } = setting;
  const door = new CiDoor(setting);
  const pipeline = door.pipeline(mergeRequest);
  const job = door.job(pipeline, { name: 'deploy' });
  gitlab.setPipelineStatus(pipeline, 'running');
  gitlab.setJobStatus(job, 'running');
  const deployment = gitlab.startDeployment(job, { onStop: 'stop' });
  const { exit, url, log } = await door.play(job, mergeRequest.iid, archiveOf(mergeRequest.sha));
  if (exit !== '0') throw new Error(`!${mergeRequest.iid} was not deployed: ${log}`);
  gitlab.finishDeployment(deployment, 'success', { externalUrl: url });
  gitlab.setJobStatus(job, 'success', { exitCode: 0 });
  gitlab.setPipelineStatus(pipeline, 'success');
}

function archiveOf(sha: string): Buffer {
  return makeArchive([
    { path: '.branch-deployment.yml', content: 'preset: command\nstart: node server.js\n' },
    { path: 'answer.txt', content: sha },
  ]);
}

/** The stop job of an environment, as the component plays it. */
export async function playStopJob(setting: Setting, environment: Environment): Promise<void> {
  const { gitlab } = setting;
  const door = new CiDoor(setting);
  const pipeline = gitlab.pipeline(environment.onStop?.pipelineId ?? 0);
  const job = door.job(pipeline, { name: 'stop', environmentName: environment.name, environmentAction: 'stop' });
  gitlab.setJobStatus(job, 'running');
  const { status, text } = await door.stop(await door.token(job), pipeline.mergeRequestIid as number);
  if (status !== 200) throw new Error(`${environment.name} was not stopped: ${text}`);
  gitlab.setJobStatus(job, 'success', { exitCode: 0 });
  gitlab.environmentStopped(environment);
}
