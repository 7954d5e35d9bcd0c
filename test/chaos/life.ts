import { setTimeout as sleep } from 'node:timers/promises';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest, Pipeline } from '../support/gitlab/state.ts';
import { ANSWER_FILE, EXIT_FILE } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import type { World } from '../support/world.ts';
import type { JobEnd, Jobs } from './deploy-job.ts';

/** A tiny app that answers with a file of its tree, or ends at once where the other file is there: the same for every runtime. */
const APP = [
  { path: '.branch-deployment.yml', content: 'start: exec node server.mjs\nhealth: /\n' },
  {
    path: 'server.mjs',
    content: `import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
if (existsSync('${EXIT_FILE}')) process.exit(Number(readFileSync('${EXIT_FILE}', 'utf8')));
const answer = readFileSync('${ANSWER_FILE}', 'utf8');
createServer((_, res) => res.end(answer)).listen(Number(process.env.PORT), process.env.HOST);
`,
  },
];

/** What people can do to one merge request. */
export type Act =
  | 'push'
  | 'broken push'
  | 'retry job'
  | 'close'
  | 'reopen'
  | 'merge'
  | '/undeploy'
  | '/deploy'
  | 'delete note'
  | 'stop environment'
  | 'rename'
  | 'wait for jobs';

/** A lost webhook is found by the sweep, and a service that is killed every few seconds hardly comes to it. */
const ACKNOWLEDGED_MS = 180_000;

/** In git one thing happens at a time: merges of one project would meet each other's moved branch. */
let merging: Promise<unknown> = Promise.resolve();

/**
 * One merge request, what people do to it, and what must come of it: the expectation is kept by the acts alone, as if nothing ever went
 * wrong and everything took effect at once.
 */
export class Life {
  readonly branch: string;
  mergeRequest: MergeRequest | undefined;
  /** Text of the newest commit that works; null before the first. */
  private text: string | null = null;
  /** Text that a job has brought to health while nothing else happened to the merge request, and that nothing has taken down since. */
  private healthy: string | null = null;
  private broken = false;
  private takenDown = false;
  private version = 0;
  private closes = 0;
  /** What a job of the newest push sends. */
  archive: Buffer = Buffer.alloc(0);
  private pipeline: Pipeline | undefined;
  private lastJob: Promise<JobEnd> = Promise.resolve({ exit: 0, said: '' });
  private readonly world: World;
  private readonly jobs: Jobs;

  constructor(world: World, jobs: Jobs, branch: string) {
    this.world = world;
    this.jobs = jobs;
    this.branch = branch;
  }

  get state(): 'none' | MergeRequest['state'] {
    return this.mergeRequest?.state ?? 'none';
  }

  /** What the preview must answer with in the end; null: nothing may be there. */
  get expected(): string | null {
    return this.state === 'opened' && !this.takenDown ? this.text : null;
  }

  /** Whether somebody would do this now, so that there is one right outcome. */
  can(act: Act): boolean {
    switch (act) {
      case 'push':
        return this.state === 'none' || this.state === 'opened';
      case 'broken push':
        return this.state === 'opened' && !this.takenDown && this.text !== null;
      case 'reopen':
        return this.state === 'closed';
      case 'merge':
        return this.state === 'opened';
      case 'close':
      case '/undeploy':
      case '/deploy':
        return this.state === 'opened' && !this.broken;
      case 'retry job':
      case 'stop environment':
        return this.state === 'opened';
      case 'delete note':
      case 'rename':
      case 'wait for jobs':
        return this.state !== 'none';
      default:
        return act satisfies never;
    }
  }

  async do(act: Act): Promise<void> {
    const { gitlab, dev, project } = this.world;
    const mergeRequest = this.mergeRequest as MergeRequest;
    switch (act) {
      case 'push':
        return this.push({ broken: false });
      case 'broken push':
        return this.push({ broken: true });
      case 'retry job':
        this.takenDown = false;
        return this.play(this.pipeline);
      case 'close':
        // A job that is under way may lose to the close: then only a new one brings the text back.
        this.closes += 1;
        this.healthy = null;
        return gitlab.closeMergeRequest(mergeRequest, dev);
      case 'reopen':
        return gitlab.reopenMergeRequest(mergeRequest, dev);
      case 'merge':
        merging = merging.then(() => gitlab.mergeMergeRequest(mergeRequest, dev));
        return void (await merging);
      case '/undeploy':
        await this.hasDeployed();
        this.takenDown = true;
        this.healthy = null;
        return this.comment('/undeploy');
      case '/deploy':
        if (!this.takenDown) await this.hasDeployed();
        this.takenDown = false;
        return this.comment('/deploy');
      case 'delete note': {
        const note = this.world.note(mergeRequest.iid);
        if (note) gitlab.deleteNote(project, mergeRequest.iid, note.id);
        return;
      }
      case 'stop environment': {
        const environment = gitlab.environment(project, `review/mr-${mergeRequest.iid}`);
        if (environment?.state === 'available') await gitlab.stopEnvironment(environment, dev, { force: true });
        return;
      }
      case 'rename':
        return gitlab.updateMergeRequest(mergeRequest, dev, { title: `Title ${this.version} of ${this.branch}` });
      case 'wait for jobs':
        return void (await this.lastJob);
      default:
        return act satisfies never;
    }
  }

  /** What people do when GitLab and the service are well again: a job that did not do its work is run once more. */
  async seeToIt(): Promise<void> {
    await this.lastJob;
    if (this.state !== 'opened' || this.takenDown) return;
    if (!this.broken) await this.hasDeployed();
    else if ((await this.lastJob).exit !== 1) await this.play(this.pipeline);
    await this.lastJob;
  }

  private async push(options: { broken: boolean }): Promise<void> {
    const { gitlab, project, dev } = this.world;
    // What goes on serving is the last text that was healthy.
    if (options.broken) await this.hasDeployed();
    this.version += 1;
    const text = `${this.branch} v${this.version}`;
    const pushed = { files: { [`${this.branch}.txt`]: text }, message: `Change ${text}`, author: dev };
    await gitlab.push(project, this.branch, pushed);
    this.mergeRequest ??= await gitlab.openMergeRequest(project, {
      sourceBranch: this.branch,
      title: `Change ${this.branch}`,
      author: dev,
    });
    this.archive = makeArchive([
      ...APP,
      { path: ANSWER_FILE, content: text },
      ...(options.broken ? [{ path: EXIT_FILE, content: '3' }] : []),
    ]);
    if (!options.broken) this.text = text;
    this.broken = options.broken;
    this.takenDown = false;
    await this.play();
  }

  /** Starts a job and does not wait for it. */
  private async play(pipeline?: Pipeline): Promise<void> {
    const mergeRequest = this.mergeRequest as MergeRequest;
    const [text, closes] = [this.broken ? null : this.text, this.closes];
    const played = this.jobs.playDeploy(mergeRequest, this.archive, pipeline ? { pipeline } : {});
    this.pipeline = this.world.gitlab.state.pipelines.findLast((p) => p.mergeRequestId === mergeRequest.id);
    this.lastJob = played.then((end) => {
      if (end.exit === 0 && this.closes === closes && text !== null && text === this.text) this.healthy = text;
      return end;
    });
  }

  /** Plays jobs until one of them has brought the newest text to health. */
  private async hasDeployed(): Promise<void> {
    await this.lastJob;
    for (let tries = 0; this.healthy !== this.text; tries += 1) {
      if (tries === 20) throw new Error(`${this.branch}: no job deploys: ${JSON.stringify(await this.lastJob)}`);
      if (tries > 0) await sleep(250);
      await this.play();
      await this.lastJob;
    }
  }

  /** Writes a comment, and waits until it is acknowledged: two that cross have no one right outcome. */
  private async comment(body: string): Promise<void> {
    const { gitlab, project, dev, bot } = this.world;
    const note = await gitlab.comment(project, this.mergeRequest?.iid as number, dev, body);
    await until(
      `${body} in ${this.branch} to be acknowledged`,
      () => note?.emojis.some((e) => e.userId === bot.id),
      ACKNOWLEDGED_MS,
    );
  }
}
