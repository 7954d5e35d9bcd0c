import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import * as deployments from './acts/deployments.ts';
import * as environments from './acts/environments.ts';
import * as mergeRequests from './acts/merge-requests.ts';
import * as notes from './acts/notes.ts';
import * as people from './acts/people.ts';
import * as pipelines from './acts/pipelines.ts';
import * as projects from './acts/projects.ts';
import * as pushes from './acts/pushes.ts';
import { Faults } from './faults.ts';
import { type Delivery, HookQueue } from './hooks/queue.ts';
import { idTokenClaims } from './identity/claims.ts';
import { KeyRing, type SignOptions } from './identity/keys.ts';
import { Readers } from './readers.ts';
import type { Mention, RecordedRequest, ServerEvent, Violation } from './records.ts';
import { serve } from './serve.ts';
import type {
  Deployment,
  Environment,
  Hook,
  Job,
  JobStatus,
  MergeRequest,
  Note,
  Pipeline,
  Project,
  User,
} from './state.ts';

export interface StandInOptions {
  /** Folder for the git repositories. Default: a temporary one, removed by `close`. */
  readonly rootDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** URL that GitLab says of itself; default `http://127.0.0.1:<port>`. A function is given the port. */
  readonly publicUrl?: string | ((port: number) => string);
  /** Clock in ms since the epoch. */
  readonly now?: () => number;
}

/**
 * A GitLab for tests and the demo: a real HTTP server with state, real git repositories, real signatures.
 * It follows the facts in GitLab's docs and source, and refuses what it does not know (`violations`).
 * Methods that take a project take the record, its id, or its path.
 */
export class StandInGitLab extends Readers {
  /** Public URL without a trailing slash; also the issuer of ID tokens. */
  readonly url: string;
  /** `http://127.0.0.1:<port>`, reachable whatever the public URL is. */
  readonly localUrl: string;
  readonly rootDir: string;
  readonly faults = new Faults();
  readonly keys = new KeyRing();
  /** Requests that the server answered, in order. */
  readonly requests: RecordedRequest[] = [];
  /** What a client asked that GitLab would not take: unknown routes, keys or bodies. Empty at the end of a good test. */
  readonly violations: Violation[] = [];
  /** `@name` outside of code in notes: each of them would have sent an e-mail. */
  readonly mentions: Mention[] = [];
  /** Quick actions that notes executed. */
  readonly quickActions: notes.ExecutedQuickAction[] = [];

  /** Makes and starts the pipeline of a merge request; null where no job matches its rules. Set by the pipeline runner. */
  onMergeRequestPipeline: ((mergeRequest: MergeRequest, user: User) => Promise<Pipeline | null>) | null = null;
  /** The same for a push to a branch. */
  onBranchPipeline: ((project: Project, branch: string, user: User) => Promise<Pipeline | null>) | null = null;
  /** Plays the stop job of an environment, which is `stopping` by then. Set by the pipeline runner, which later calls `environmentStopped`. */
  onPlayStopJob: ((environment: Environment, user: User) => Promise<void>) | null = null;
  /** REST play, retry and cancel of a job; the returned job is the answer (of retry the new one). Set by the pipeline runner. */
  onPlayJob: ((job: Job, user: User) => Promise<Job>) | null = null;
  onRetryJob: ((job: Job, user: User) => Promise<Job>) | null = null;
  onCancelJob: ((job: Job, user: User) => Promise<Job>) | null = null;

  private readonly server: Server;
  private readonly hooks: HookQueue;
  private readonly ownsRoot: boolean;

  private constructor(server: Server, rootDir: string, options: StandInOptions) {
    super(options.now ?? Date.now);
    this.server = server;
    this.rootDir = rootDir;
    this.ownsRoot = options.rootDir === undefined;
    const port = (server.address() as AddressInfo).port;
    this.localUrl = `http://127.0.0.1:${port}`;
    const url = typeof options.publicUrl === 'function' ? options.publicUrl(port) : options.publicUrl;
    this.url = (url ?? this.localUrl).replace(/\/+$/, '');
    this.hooks = new HookQueue(this);
    server.on('request', (request, response) => void serve(this, request, response));
  }

  static async start(options: StandInOptions = {}): Promise<StandInGitLab> {
    const rootDir = options.rootDir ?? (await mkdtemp(join(tmpdir(), 'stand-in-gitlab-')));
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return new StandInGitLab(server, rootDir, options);
  }

  /** Ends open connections, waits for nothing else, and removes the folder that `start` made. */
  async close(): Promise<void> {
    this.hooks.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.hooks.settled();
    if (this.ownsRoot) await rm(this.rootDir, { recursive: true, force: true, maxRetries: 3 });
  }

  // --- who and what -------------------------------------------------------------------------------------------------

  /** A user with the token `glpat-<username>`, unless tokens are given. */
  addUser(username: string, options: people.UserOptions = {}): User {
    return people.addUser(this, username, options);
  }

  /** @param level 10 Guest, 20 Reporter, 30 Developer, 40 Maintainer, 50 Owner; 0 removes */
  addMember(project: projects.ProjectRef, user: User, level: number): void {
    people.addMember(this.project(project), user, level);
  }

  /** Membership of a group, inherited by all projects below it. */
  addGroupMember(group: string, user: User, level: number): void {
    people.addGroupMember(this, group, user, level);
  }

  /** A project with a bare repository and a first commit on its default branch. `owner` becomes its Owner. */
  addProject(options: projects.ProjectOptions): Promise<Project> {
    return projects.addProject(this, options);
  }

  /** A fork in the user's own namespace, unless `path` says where. */
  fork(project: projects.ProjectRef, user: User, options: { readonly path?: string } = {}): Promise<Project> {
    return projects.forkProject(this, this.project(project), { user, ...options });
  }

  addHook(project: projects.ProjectRef, options: projects.HookOptions): Hook {
    return projects.addHook(this, this.project(project), options);
  }

  // --- git ----------------------------------------------------------------------------------------------------------

  /** One commit on a branch (made from the default branch where it is new), and all that GitLab does then: hooks, merge-request head, pipelines. */
  push(project: projects.ProjectRef, branch: string, options: pushes.PushOptions): Promise<pushes.PushResult> {
    return pushes.push(this, this.project(project), { branch, ...options });
  }

  deleteBranch(project: projects.ProjectRef, branch: string, options: { readonly author: User }): Promise<void> {
    return pushes.deleteBranch(this, this.project(project), { branch, ...options });
  }

  // --- merge requests -----------------------------------------------------------------------------------------------

  /** Opens a merge request, and makes its pipeline where a runner is there. */
  openMergeRequest(project: projects.ProjectRef, options: mergeRequests.OpenOptions): Promise<MergeRequest> {
    return mergeRequests.openMergeRequest(this, this.project(project), options);
  }

  closeMergeRequest(mergeRequest: MergeRequest, user: User): Promise<void> {
    return mergeRequests.closeMergeRequest(this, mergeRequest, { user });
  }

  /** Makes no pipeline, as in GitLab. */
  reopenMergeRequest(mergeRequest: MergeRequest, user: User): Promise<void> {
    return mergeRequests.reopenMergeRequest(this, mergeRequest, { user });
  }

  /** A real merge commit in the target branch; throws on a conflict. */
  mergeMergeRequest(
    mergeRequest: MergeRequest,
    user: User,
    options: { readonly removeSourceBranch?: boolean } = {},
  ): Promise<void> {
    return mergeRequests.mergeMergeRequest(this, mergeRequest, { user, ...options });
  }

  updateMergeRequest(mergeRequest: MergeRequest, user: User, changes: mergeRequests.Changes): Promise<void> {
    return mergeRequests.updateMergeRequest(this, mergeRequest, { user, changes });
  }

  /** *Run pipeline* of the merge request: asks the runner. Null where no job matches. */
  runMergeRequestPipeline(mergeRequest: MergeRequest, user: User): Promise<Pipeline | null> {
    return mergeRequests.runPipeline(this, mergeRequest, { user });
  }

  // --- notes --------------------------------------------------------------------------------------------------------

  /** What a person writes. Null where nothing but quick actions or an emoji was in it. */
  async comment(project: projects.ProjectRef, iid: number, user: User, body: string): Promise<Note | null> {
    const outcome = await notes.createNote(this, this.mergeRequest(project, iid), { user, body });
    return outcome.kind === 'note' ? outcome.note : null;
  }

  editNoteAs(
    project: projects.ProjectRef,
    iid: number,
    noteId: number,
    user: User,
    body: string,
  ): Promise<Note | null> {
    return notes.editNote(this, this.mergeRequest(project, iid), { noteId, user, body });
  }

  deleteNote(project: projects.ProjectRef, iid: number, noteId: number): void {
    notes.deleteNote(this.mergeRequest(project, iid), noteId);
  }

  // --- pipelines, jobs, environments: what a pipeline runner needs -----------------------------------------------------

  /** A record of a pipeline with status `created` and no jobs. Send its hooks with `setPipelineStatus`. */
  createPipeline(options: pipelines.PipelineOptions): Pipeline {
    return pipelines.createPipeline(this, options);
  }

  addJob(pipeline: Pipeline, options: pipelines.JobOptions): Job {
    return pipelines.addJob(this, pipeline, options);
  }

  /** Sets the status with its times, and fires the pipeline hook. */
  setPipelineStatus(pipeline: Pipeline, status: JobStatus): void {
    pipelines.setPipelineStatus(this, pipeline, status);
  }

  /** Sets the status with its times, and fires the job hook. */
  setJobStatus(job: Job, status: JobStatus, options: { readonly exitCode?: number } = {}): void {
    pipelines.setJobStatus(this, job, { status, ...options });
  }

  /** What GitLab does when a job with an environment (action `start`) starts: environment available, deployment running. */
  startDeployment(job: Job, options: deployments.StartOptions): Deployment {
    return deployments.startDeployment(this, job, options);
  }

  /** Ends a deployment; `externalUrl` is the expanded `environment:url`, written on success only. */
  finishDeployment(
    deployment: Deployment,
    status: 'success' | 'failed' | 'canceled',
    options: { readonly externalUrl?: string | null } = {},
  ): void {
    deployments.setDeploymentStatus(this, deployment, { status, ...options });
  }

  /** What GitLab does when a job with `action: stop` succeeded. */
  environmentStopped(environment: Environment): void {
    environments.markStopped(this, environment);
  }

  /** Stops as the UI does: plays the stop job where there is one, unless `force`. */
  stopEnvironment(environment: Environment, user: User, options: { readonly force?: boolean } = {}): Promise<void> {
    return environments.stopEnvironment(this, environment, { user, force: options.force ?? false });
  }

  // --- ID tokens ----------------------------------------------------------------------------------------------------

  /** All claims of the ID token that GitLab gives this job, but for the times. */
  idTokenClaimsFor(job: Job, audience: string | readonly string[]): JWTPayload {
    return idTokenClaims(this, job, { audience });
  }

  /** Signs claims as GitLab does: RS256, `kid`; `iss`, `iat`, `nbf`, `exp`, `jti` are added where they are not given. */
  signIdToken(claims: JWTPayload, options: SignOptions = {}): Promise<string> {
    return this.keys.sign(claims, { issuer: this.url, nowSeconds: Math.floor(this.now() / 1000), ...options });
  }

  /** A new signing key; the old one leaves the key set unless `keepOld`. */
  rotateKeys(options: { readonly keepOld?: boolean } = {}): Promise<void> {
    return this.keys.rotate(options);
  }

  // --- webhooks -----------------------------------------------------------------------------------------------------

  /** Queues an event for the hooks of its project. */
  emit(event: ServerEvent): void {
    this.hooks.emit(event);
  }

  /** Every delivery that was tried, in order. */
  get deliveries(): readonly Delivery[] {
    return this.hooks.deliveries;
  }

  /** Resolves when no delivery is waiting or on its way. */
  webhooksSettled(): Promise<void> {
    return this.hooks.settled();
  }

  /** Sends a delivery once more, with the same ids, as *Resend request* does. */
  resendDelivery(delivery: Delivery): Promise<void> {
    return this.hooks.resend(delivery);
  }
}
