import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StandInGitLab } from '../stand-in.ts';
import type { Environment, Job, MergeRequest, Pipeline, Project, User } from '../state.ts';
import { resolveRef } from './checkout.ts';
import type { Configuration } from './definition.ts';
import { executeJob, type JobRun } from './execute-job.ts';
import { environmentNameOf } from './job-variables.ts';
import { makePipeline, type PipelineSource } from './make-pipeline.ts';
import { allowedToFail, decide, sourcesOf, statusOf } from './schedule.ts';

export interface RunnerOptions {
  /** Shell that runs the jobs' scripts; default `sh`. */
  shell?: readonly string[];
  /** Folder whose `templates/` a versioned `include: component` means; default this repository. */
  componentRoot?: string;
  /** How long one job may take; default ten minutes. */
  jobTimeoutMs?: number;
  /** Whether pushes make branch pipelines too; default yes. Without them a first push takes about a second less. */
  branchPipelines?: boolean;
}

interface PipelineRun {
  readonly pipeline: Pipeline;
  readonly project: Project;
  readonly variables: Readonly<Record<string, string>>;
  readonly stages: Configuration['stages'];
  /** In the pipeline; of a retried job only the newest. */
  runs: JobRun[];
}

/** Starts a CI runner for a stand-in GitLab: from now on it makes and runs pipelines as GitLab and GitLab Runner do. */
export function startRunner(gitlab: StandInGitLab, options: RunnerOptions = {}): PipelineRunner {
  return new PipelineRunner(gitlab, options);
}

export class PipelineRunner {
  private readonly gitlab: StandInGitLab;
  private readonly options: Required<RunnerOptions>;
  private readonly pipelines = new Map<number, PipelineRun>();
  private readonly executions = new Map<number, Promise<void>>();
  private readonly waiting = new Set<() => void>();
  private readonly making = new Set<Promise<unknown>>();
  private stopped = false;
  private folder: Promise<string> | null = null;

  constructor(gitlab: StandInGitLab, options: RunnerOptions) {
    this.gitlab = gitlab;
    this.options = {
      shell: options.shell ?? ['sh'],
      componentRoot: options.componentRoot ?? fileURLToPath(new URL('../../../../', import.meta.url)),
      jobTimeoutMs: options.jobTimeoutMs ?? 600_000,
      branchPipelines: options.branchPipelines ?? true,
    };
    gitlab.onMergeRequestPipeline = (mergeRequest, user) => this.createMergeRequestPipeline(mergeRequest, user);
    if (this.options.branchPipelines)
      gitlab.onBranchPipeline = (project, branch, user) => this.createBranchPipeline(project, branch, user);
    gitlab.onPlayStopJob = (environment, user) => this.playStopJob(environment, user);
    gitlab.onPlayJob = async (job, user) => this.playJob(job.id, user);
    gitlab.onRetryJob = async (job, user) => this.retryJob(job.id, user);
    gitlab.onCancelJob = (job) => this.cancelJob(job.id);
  }

  /**
   * The pipeline of a merge request's present commit: of the merged result where the project has them, and in the fork where it comes
   * from one. Null where no job is for it; throws where the configuration is invalid.
   */
  async createMergeRequestPipeline(mergeRequest: MergeRequest, user: User): Promise<Pipeline | null> {
    const target = this.gitlab.project(mergeRequest.projectId);
    const fork = mergeRequest.sourceProjectId !== null && mergeRequest.sourceProjectId !== mergeRequest.projectId;
    const project = fork ? this.gitlab.project(mergeRequest.sourceProjectId as number) : target;
    const mergeRef = `refs/merge-requests/${mergeRequest.iid}/merge`;
    const merged = target.mergedResults && !fork ? await resolveRef(target.repository, mergeRef) : null;
    // A fork's own pipeline has the fork's branch as its ref.
    const ref = fork ? mergeRequest.sourceBranch : merged ? mergeRef : `refs/merge-requests/${mergeRequest.iid}/head`;
    return this.create({
      project,
      sha: merged ?? mergeRequest.sha,
      ref,
      source: 'merge_request_event',
      user,
      mergeRequest,
    });
  }

  /** The pipeline of a branch's present commit. */
  async createBranchPipeline(project: Project, branch: string, user: User, source = 'push'): Promise<Pipeline | null> {
    const sha = await resolveRef(project.repository, `refs/heads/${branch}`);
    if (sha === null) throw new Error(`${project.path} has no branch ${branch}`);
    return this.create({ project, sha, ref: branch, source, user });
  }

  /** Starts a manual job, as its button does. */
  playJob(jobId: number, user: User): Job {
    const [pipelineRun, run] = this.find(jobId);
    if (run.job.status !== 'manual')
      throw new Error(`job ${run.job.name} is ${run.job.status}: only a manual job can be played`);
    run.user = user;
    run.job.userId = user.id;
    this.start(pipelineRun, run);
    return run.job;
  }

  /** A new job in the place of one that has ended. */
  retryJob(jobId: number, user: User): Job {
    const [pipelineRun, old] = this.find(jobId);
    if (!['success', 'failed', 'canceled'].includes(old.job.status))
      throw new Error(`job ${old.job.name} is ${old.job.status}: nothing to retry`);
    const run = this.addRun(pipelineRun, old.definition, user);
    pipelineRun.runs = pipelineRun.runs.filter((other) => other !== old);
    this.start(pipelineRun, run);
    return run.job;
  }

  /** TERM for the job's processes; resolves when it has ended. */
  async cancelJob(jobId: number): Promise<Job> {
    const [pipelineRun, run] = this.find(jobId);
    run.canceled = true;
    run.script?.cancel();
    if (!this.executions.has(jobId) && ['created', 'pending', 'manual'].includes(run.job.status))
      this.gitlab.setJobStatus(run.job, 'canceled');
    await this.executions.get(jobId);
    this.advance(pipelineRun);
    return run.job;
  }

  async cancelPipeline(pipelineId: number): Promise<void> {
    const { runs } = this.pipelineRun(pipelineId);
    // Those that wait first, so that none of them starts when another ends.
    const idle = runs.filter(({ job }) => job.status === 'created');
    await Promise.all(
      [...idle, ...runs.filter(({ job }) => job.status === 'running')].map(({ job }) => this.cancelJob(job.id)),
    );
  }

  /** Resolves when nothing of a pipeline runs or is about to; manual jobs that nobody played do not count. */
  async pipelineSettled(pipelineId: number, options: { timeoutMs?: number } = {}): Promise<Pipeline> {
    const pipelineRun = this.pipelineRun(pipelineId);
    const deadline = Date.now() + (options.timeoutMs ?? 120_000);
    while (
      pipelineRun.runs.some(
        ({ job }) => this.executions.has(job.id) || job.status === 'running' || job.status === 'pending',
      )
    ) {
      const left = deadline - Date.now();
      if (left <= 0) {
        const traces = pipelineRun.runs.map(({ job }) => `--- ${job.name}: ${job.status}\n${job.trace}`);
        throw new Error(`pipeline ${pipelineId} still runs\n${traces.join('\n')}`);
      }
      await this.nextChange(left);
    }
    return pipelineRun.pipeline;
  }

  /** The newest job of that name in a pipeline. */
  job(pipelineId: number, name: string): Job {
    const found = this.pipelineRun(pipelineId).runs.find(({ job }) => job.name === name);
    if (!found)
      throw new Error(
        `pipeline ${pipelineId} has no job ${name}: ${this.pipelineRun(pipelineId)
          .runs.map(({ job }) => job.name)
          .join(', ')}`,
      );
    return found.job;
  }

  /** Ends what runs, and removes its folders. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.allSettled(this.making);
    for (const { runs } of this.pipelines.values()) {
      for (const run of runs) {
        run.canceled = true;
        run.script?.cancel();
      }
    }
    // The end of one may start, and at once end, the next.
    while (this.executions.size > 0) await Promise.all(this.executions.values());
    if (this.folder) await rm(await this.folder, { recursive: true, force: true });
  }

  private async create(options: Omit<PipelineSource, 'componentRoot'>): Promise<Pipeline | null> {
    const making = makePipeline(this.gitlab, { ...options, componentRoot: this.options.componentRoot });
    this.making.add(making);
    const made = await making.finally(() => this.making.delete(making));
    // What a stopped runner starts, nobody would end.
    if (made === null || this.stopped) return null;
    const { pipeline, variables, configuration } = made;
    const pipelineRun: PipelineRun = {
      pipeline,
      project: options.project,
      variables,
      stages: configuration.stages,
      runs: [],
    };
    this.pipelines.set(pipeline.id, pipelineRun);
    for (const definition of configuration.jobs) this.addRun(pipelineRun, definition, options.user);
    this.advance(pipelineRun);
    return pipeline;
  }

  private addRun(pipelineRun: PipelineRun, definition: JobRun['definition'], user: User): JobRun {
    const { pipeline, project, variables } = pipelineRun;
    const job = this.gitlab.addJob(pipeline, {
      name: definition.name,
      stage: definition.stage,
      when: definition.when,
      allowFailure: definition.allowFailure === true,
      environmentName: environmentNameOf(definition, project, variables),
      environmentAction: definition.environment?.action ?? null,
      deploymentTier: definition.environment?.tier,
      userId: user.id,
    });
    const run: JobRun = { job, definition, pipeline, user, dotenv: {}, artifacts: null, script: null, canceled: false };
    pipelineRun.runs.push(run);
    return run;
  }

  /** Starts and skips what can be, until nothing changes, and sets the pipeline's status. */
  private advance(pipelineRun: PipelineRun): void {
    const { runs, stages, pipeline } = pipelineRun;
    let changed = true;
    while (changed) {
      changed = false;
      for (const run of runs.filter(({ job }) => job.status === 'created')) {
        const decision = decide(run, runs, stages);
        if (decision === 'wait') continue;
        changed = true;
        if (decision === 'skip') this.gitlab.setJobStatus(run.job, 'skipped');
        else if (run.definition.when === 'manual') this.gitlab.setJobStatus(run.job, 'manual');
        else this.start(pipelineRun, run);
      }
    }
    const status = statusOf(pipeline, runs);
    if (status !== pipeline.status) this.gitlab.setPipelineStatus(pipeline, status);
    for (const wake of this.waiting) wake();
  }

  private start(pipelineRun: PipelineRun, run: JobRun): void {
    this.gitlab.setJobStatus(run.job, 'pending');
    const execution = this.execute(pipelineRun, run).finally(() => {
      this.executions.delete(run.job.id);
      this.advance(pipelineRun);
    });
    this.executions.set(run.job.id, execution);
    if (pipelineRun.pipeline.status !== 'running') this.gitlab.setPipelineStatus(pipelineRun.pipeline, 'running');
  }

  private async execute(pipelineRun: PipelineRun, run: JobRun): Promise<void> {
    this.folder ??= mkdtemp(join(tmpdir(), 'runner-'));
    await executeJob(run, {
      gitlab: this.gitlab,
      project: pipelineRun.project,
      pipelineVariables: pipelineRun.variables,
      sources: sourcesOf(run, pipelineRun.runs, pipelineRun.stages),
      shell: this.options.shell,
      workFolder: await this.folder,
      timeoutMs: this.options.jobTimeoutMs,
    });
    if (run.job.status === 'failed') run.job.allowFailure = allowedToFail(run);
  }

  private async playStopJob(environment: Environment, user: User): Promise<void> {
    const { onStop } = environment;
    if (!onStop) return;
    const run = this.pipelines.get(onStop.pipelineId)?.runs.find(({ job }) => job.name === onStop.job);
    if (run?.job.status === 'manual') this.playJob(run.job.id, user);
  }

  private pipelineRun(pipelineId: number): PipelineRun {
    const found = this.pipelines.get(pipelineId);
    if (!found) throw new Error(`this runner has made no pipeline ${pipelineId}`);
    return found;
  }

  private find(jobId: number): [PipelineRun, JobRun] {
    for (const pipelineRun of this.pipelines.values()) {
      const run = pipelineRun.runs.find(({ job }) => job.id === jobId);
      if (run) return [pipelineRun, run];
    }
    throw new Error(`this runner has made no job ${jobId}, or it was retried`);
  }

  private nextChange(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(limit);
        this.waiting.delete(wake);
        resolve();
      };
      const limit = setTimeout(wake, limitMs);
      this.waiting.add(wake);
    });
  }
}
