import { setTimeout as sleep } from 'node:timers/promises';
import { CiDoor } from '../scenarios/ci-door.ts';
import { setDeploymentStatus } from '../support/gitlab/acts/deployments.ts';
import type { Environment, Job, MergeRequest, Pipeline, User } from '../support/gitlab/state.ts';
import type { World } from '../support/world.ts';

/** How a job ended: the component's exit codes, and what the service said to it. */
export interface JobEnd {
  readonly exit: 0 | 1 | 2 | 75;
  readonly said: string;
}

/** Shorter than the component's own waits, so that a test sees many tries. */
const RETRY_MS = 150;
/** The component gives up after about two minutes. */
const PATIENCE_MS = 120_000;
/** Longest single request; an answer that hangs is asked for again. */
const REQUEST_MS = 20_000;

/** Deploy and stop jobs as GitLab and the component play them, but for the shell: they try again where the service cannot be reached. */
export class Jobs {
  /** Requests that were repeated. */
  retries = 0;
  private readonly world: World;
  private readonly door: CiDoor;
  private readonly running = new Set<Promise<unknown>>();

  constructor(world: World) {
    this.world = world;
    this.door = new CiDoor(world);
    world.gitlab.onPlayStopJob = async (environment, user) => void this.playStop(environment, user);
  }

  /** Resolves when no job runs any more. */
  async ended(): Promise<void> {
    while (this.running.size > 0) await Promise.all([...this.running]);
  }

  /** A new pipeline of a merge request's head, or one more job of the pipeline given. */
  playDeploy(mergeRequest: MergeRequest, archive: Buffer, options: { pipeline?: Pipeline } = {}): Promise<JobEnd> {
    return this.track(this.deploy(mergeRequest, archive, options.pipeline ?? this.door.pipeline(mergeRequest)));
  }

  private async deploy(mergeRequest: MergeRequest, archive: Buffer, pipeline: Pipeline): Promise<JobEnd> {
    const { gitlab, serviceUrl } = this.world;
    const job = this.door.job(pipeline);
    job.startedAt = gitlab.time();
    const deployment = gitlab.startDeployment(job, { tier: 'development', onStop: 'branch-deployment:stop' });
    let url = serviceUrl;
    const end = await this.attempt(async (call) => {
      const form = deployForm(mergeRequest.iid);
      const begun = await call('POST', 'deploy', form);
      url = /^url (\S+)/m.exec(begun)?.[1] ?? url;
      const early = exitOf(begun);
      if (early !== undefined) return { exit: early, said: begun };
      if (begun.includes('upload yes')) {
        const taken = await call('PUT', 'source', archive);
        const exit = exitOf(taken);
        if (exit !== undefined) return { exit, said: taken };
      }
      return this.follow(call);
    }, job);
    setDeploymentStatus(gitlab, deployment, {
      status: end.exit === 0 ? 'success' : 'failed',
      externalUrl: end.exit === 0 ? url : null,
    });
    gitlab.setJobStatus(job, end.exit === 0 ? 'success' : 'failed', { exitCode: end.exit });
    gitlab.setPipelineStatus(pipeline, end.exit === 0 ? 'success' : 'failed');
    return end;
  }

  /** Follows the log until the outcome is known. */
  private async follow(call: Call): Promise<JobEnd> {
    for (let from = 0; ; ) {
      from += (await call('GET', `log?from=${from}`)).length;
      const outcome = await call('GET', 'outcome');
      const exit = exitOf(outcome);
      if (exit !== undefined) return { exit, said: outcome };
      await sleep(RETRY_MS);
    }
  }

  private playStop(environment: Environment, user: User): Promise<void> {
    const { gitlab } = this.world;
    const of = environment.onStop;
    if (!of) return Promise.resolve(gitlab.environmentStopped(environment));
    const iid = gitlab.pipeline(of.pipelineId).mergeRequestIid as number;
    const job = gitlab.addJob(gitlab.pipeline(of.pipelineId), {
      name: of.job,
      stage: 'deploy',
      status: 'running',
      environmentName: environment.name,
      environmentAction: 'stop',
      userId: user.id,
    });
    job.startedAt = gitlab.time();
    const form = new URLSearchParams({ merge_request_iid: String(iid), app: '' });
    const played = this.attempt(async (call) => {
      const answer = await call('POST', 'stop', form);
      return { exit: exitOf(answer) ?? 2, said: answer };
    }, job).then((end) => {
      gitlab.setJobStatus(job, end.exit === 0 ? 'success' : 'failed', { exitCode: end.exit });
      if (end.exit === 0) gitlab.environmentStopped(environment);
      else if (environment.state === 'stopping') environment.state = 'available';
    });
    return this.track(played);
  }

  /** Runs a conversation whose calls are repeated as the component repeats them; a refusal ends it with 2. */
  private async attempt(talk: (call: Call) => Promise<JobEnd>, job: Job): Promise<JobEnd> {
    const token = await this.door.token(job);
    const deadline = Date.now() + PATIENCE_MS;
    const call: Call = async (method, path, body) => {
      for (;;) {
        const answer = await this.ask(method, path, { token, body });
        if (answer && answer.status < 300) return answer.text;
        if (answer && answer.status < 500 && ![408, 425, 429].includes(answer.status))
          throw new Ended({ exit: 2, said: answer.text });
        if (Date.now() > deadline) throw new Ended({ exit: 75, said: answer?.text ?? 'no answer' });
        this.retries += 1;
        await sleep(RETRY_MS);
      }
    };
    try {
      return await talk(call);
    } catch (error) {
      if (error instanceof Ended) return error.end;
      throw error;
    }
  }

  /** One request; undefined where no whole answer came. */
  private async ask(
    method: string,
    path: string,
    request: { token: string; body: URLSearchParams | Buffer | undefined },
  ): Promise<{ status: number; text: string } | undefined> {
    try {
      const response = await fetch(`${this.world.serviceUrl}/api/ci/v1/${path}`, {
        method,
        headers: { 'bd-component': '1.0.0', authorization: `Bearer ${request.token}` },
        ...(request.body === undefined ? {} : { body: request.body as BodyInit }),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      return { status: response.status, text: await response.text() };
    } catch {
      return undefined;
    }
  }

  private track<T>(played: Promise<T>): Promise<T> {
    const tracked = played.finally(() => this.running.delete(tracked));
    this.running.add(tracked);
    return tracked;
  }
}

type Call = (method: string, path: string, body?: URLSearchParams | Buffer) => Promise<string>;

class Ended extends Error {
  readonly end: JobEnd;
  constructor(end: JobEnd) {
    super(end.said);
    this.end = end;
  }
}

function exitOf(answer: string): JobEnd['exit'] | undefined {
  const exit = /^exit (\d+)$/m.exec(answer)?.[1];
  return exit === undefined ? undefined : (Number(exit) as JobEnd['exit']);
}

function deployForm(iid: number): URLSearchParams {
  return new URLSearchParams({
    merge_request_iid: String(iid),
    app: '',
    directory: '.',
    context: '.',
    timeout: '5m',
    event_type: 'detached',
  });
}
