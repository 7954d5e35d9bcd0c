import type { JWTPayload } from 'jose';
import type { SignOptions } from '../support/gitlab/identity/keys.ts';
import type { Job, MergeRequest, Pipeline, Project } from '../support/gitlab/state.ts';
import type { World } from '../support/world.ts';

/** What doors belong to; a `World` is one. */
export type DoorWorld = Pick<World, 'gitlab' | 'project' | 'dev' | 'serviceUrl'>;

/** A deploy job that has ended. */
export interface PlayedJob {
  readonly url: string;
  readonly token: string;
  readonly log: string;
  /** Exit code of the job. */
  readonly exit: string;
  /** From the start of the upload to the end of the log. */
  readonly tookMs: number;
}

export interface DoorAnswer {
  readonly status: number;
  readonly text: string;
}

/** What the component sends where nobody sets an input. */
const INPUTS = {
  app: '',
  directory: '.',
  context: '.',
  timeout: '15m',
  container_image: '',
  external_url: '',
  variables: '',
  setup_variables: '',
  event_type: 'detached',
};

/** The doors of the pipeline's jobs, called as the component calls them, without a pipeline that runs. */
export class CiDoor {
  readonly world: DoorWorld;

  constructor(world: DoorWorld) {
    this.world = world;
  }

  /** A pipeline of a merge request with its head; what it is of can be set apart. */
  pipeline(
    mergeRequest: MergeRequest,
    changes: { source?: string; ref?: string; sha?: string; project?: Project } = {},
  ): Pipeline {
    return this.world.gitlab.createPipeline({
      project: changes.project ?? this.world.project,
      sha: changes.sha ?? mergeRequest.sha,
      ref: changes.ref ?? `refs/merge-requests/${mergeRequest.iid}/head`,
      source: changes.source ?? 'merge_request_event',
      user: this.world.dev,
      mergeRequest,
    });
  }

  /** A deploy job that runs, unless it is said to be another one. */
  job(pipeline: Pipeline, changes: Partial<Pick<Job, 'name' | 'environmentName' | 'environmentAction'>> = {}): Job {
    return this.world.gitlab.addJob(pipeline, {
      name: 'branch-deployment:deploy',
      stage: 'deploy',
      status: 'running',
      environmentName: `review/mr-${pipeline.mergeRequestIid}`,
      environmentAction: 'start',
      ...changes,
    });
  }

  /** The ID token that GitLab gives a job; claims and signature can be made wrong. */
  token(job: Job, claims: JWTPayload = {}, options: SignOptions = {}): Promise<string> {
    const { gitlab, serviceUrl } = this.world;
    return gitlab.signIdToken({ ...gitlab.idTokenClaimsFor(job, serviceUrl), ...claims }, options);
  }

  /** The first call of a deploy job. */
  deploy(
    token: string | null,
    iid: number | string,
    inputs: Readonly<Record<string, string>> = {},
  ): Promise<DoorAnswer> {
    const body = new URLSearchParams({ ...INPUTS, merge_request_iid: String(iid), ...inputs });
    return this.call('POST', 'deploy', { token, body });
  }

  /** The second one: the archive. */
  upload(token: string, archive: Buffer): Promise<DoorAnswer> {
    return this.call('PUT', 'source', { token, body: archive });
  }

  /** All calls of a deploy job. Rejects where it does not get as far as an outcome. */
  async play(
    job: Job,
    iid: number,
    archive: Buffer,
    inputs: Readonly<Record<string, string>> = {},
  ): Promise<PlayedJob> {
    const token = await this.token(job);
    const begun = (await this.deploy(token, iid, inputs)).text;
    const began = performance.now();
    const taken = begun.includes('upload yes') ? (await this.upload(token, archive)).text : '';
    const log = (await this.call('GET', 'log', { token })).text;
    const tookMs = performance.now() - began;
    const outcome = (await this.call('GET', 'outcome', { token })).text;
    const [url, exit] = [/^url (\S+)$/m.exec(begun)?.[1], /^exit (\d+)$/m.exec(outcome)?.[1]];
    if (url === undefined || exit === undefined)
      throw new Error(`the deploy job was answered: ${[begun, taken, log, outcome].join('\n')}`);
    return { url, token, log, exit, tookMs };
  }

  stop(token: string, iid: number, app = '', inputs: Readonly<Record<string, string>> = {}): Promise<DoorAnswer> {
    const body = new URLSearchParams({ merge_request_iid: String(iid), app, ...inputs });
    return this.call('POST', 'stop', { token, body });
  }

  async call(
    method: string,
    path: string,
    request: {
      readonly token: string | null;
      readonly body?: URLSearchParams | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<DoorAnswer> {
    const response = await fetch(`${this.world.serviceUrl}/api/ci/v1/${path}`, {
      method,
      headers: {
        'bd-component': '1.0.0',
        ...(request.token === null ? {} : { authorization: `Bearer ${request.token}` }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: request.body as BodyInit }),
    });
    return { status: response.status, text: await response.text() };
  }
}
