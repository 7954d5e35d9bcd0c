import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { type Service, type ServiceOptions, startService } from '../../src/service.ts';
import { askPreview, type PreviewAnswer, type PreviewRequest } from './ask-preview.ts';
import type { FileChange } from './gitlab/git/commit.ts';
import { type PipelineRunner, startRunner } from './gitlab/pipelines/runner.ts';
import { StandInGitLab } from './gitlab/stand-in.ts';
import type { MergeRequest, Note, Project, User } from './gitlab/state.ts';
import { freePort, until } from './poll.ts';
import { nodeProject } from './projects.ts';
import { recordOutput } from './secret-search/output.ts';
import { knowSecretSettings, recordDataDir } from './secret-search/service.ts';
import { removeInstances, shareUvCache, shareWebserver, surroundings } from './surroundings.ts';

export { componentInclude, nodeProject, nodeServer } from './projects.ts';

export const SIGNING_TOKEN = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
export const BOT_TOKEN = 'glpat-Vq8sT2nWx5LkRz7cYb4D';

export interface WorldOptions {
  /** Files of the project's first commit. Default: a Node app with the component included. */
  readonly files?: Readonly<Record<string, string>>;
  /** The same, where they depend on the service's URL. */
  readonly project?: (serviceUrl: string) => Readonly<Record<string, string>>;
  /** More settings of the service. */
  readonly env?: Readonly<Record<string, string>>;
  readonly shell?: readonly string[];
  readonly mergedResults?: boolean;
  /** Without pipelines: tests that call the doors themselves make only the records that they need. Default: with. */
  readonly pipelines?: boolean;
  /** Whether a push makes a branch's pipeline too, which costs a second. Default: yes. */
  readonly branchPipelines?: boolean;
  /** Where instances run; it ends with the world. Default: real processes. */
  readonly runtime?: Runtime & { dispose(): Promise<void> };
  /** How patient the service is. */
  readonly service?: Omit<ServiceOptions, 'log' | 'runtime'>;
  /** Whether the service is started in this process. Default: yes. */
  readonly startsService?: boolean;
}

/** The machine's clock, which can be set ahead, and stopped for a while. */
export class Clock {
  private aheadMs = 0;
  private stoppedAt: number | undefined;
  readonly now = (): number => (this.stoppedAt ?? Date.now()) + this.aheadMs;

  /** Nothing that is to happen later happens, however slow the machine is, until it goes on. */
  async stoppedFor<T>(act: () => Promise<T>): Promise<T> {
    this.stoppedAt = Date.now();
    try {
      return await act();
    } finally {
      this.stoppedAt = undefined;
    }
  }

  goOn(ms: number): void {
    this.aheadMs += ms;
  }
}

/** A GitLab, a project with a merge-request pipeline, and the real service, all on loopback. */
export class World {
  readonly gitlab: StandInGitLab;
  readonly ci: PipelineRunner;
  readonly project: Project;
  /** Developer of the project, who opens merge requests and pushes. */
  readonly dev: User;
  readonly bot: User;
  readonly serviceUrl: string;
  readonly dataDir: string;
  /** Everything that the service has logged. */
  readonly logLines: string[] = [];
  /** GitLab's and the service's clock. Work that came due by setting it ahead is found with the next marking. */
  readonly clock: Clock;
  /** The service's settings. */
  readonly env: Readonly<Record<string, string>>;
  private readonly options: Pick<WorldOptions, 'runtime' | 'service'>;
  private running: Service | undefined;

  constructor(parts: {
    clock: Clock;
    gitlab: StandInGitLab;
    ci: PipelineRunner;
    project: Project;
    dev: User;
    bot: User;
    serviceUrl: string;
    dataDir: string;
    env: Record<string, string>;
    options: Pick<WorldOptions, 'runtime' | 'service'>;
  }) {
    this.clock = parts.clock;
    this.gitlab = parts.gitlab;
    this.ci = parts.ci;
    this.project = parts.project;
    this.dev = parts.dev;
    this.bot = parts.bot;
    this.serviceUrl = parts.serviceUrl;
    this.dataDir = parts.dataDir;
    this.env = parts.env;
    this.options = parts.options;
  }

  get service(): Service {
    if (!this.running) throw new Error('the service is not running');
    return this.running;
  }

  /** @param env settings that differ from now on */
  async startService(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const config = readConfig({ ...surroundings(), ...this.env, ...env }, { uid: process.getuid?.() });
    const write = (line: string) => {
      this.logLines.push(line);
      recordOutput('log', line);
    };
    const log = createLog('debug', { write });
    const { runtime, service } = this.options;
    const own = { ...service, ...(runtime ? { runtime } : {}) };
    this.running = await startService(config, { log, headPatienceMs: 500, now: this.clock.now, ...own });
  }

  async stopService(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  /** Ends all of it, also what the service left running. Requests that GitLab would have refused are an error. */
  async close(): Promise<void> {
    await this.ci.stop();
    await this.stopService();
    await removeInstances(this.dataDir);
    await this.options.runtime?.dispose();
    recordDataDir(this.dataDir);
    await this.gitlab.close();
    rmSync(this.dataDir, { recursive: true, force: true });
    if (this.gitlab.violations.length > 0)
      throw new Error(`the stand-in GitLab refused: ${JSON.stringify(this.gitlab.violations, null, 2)}`);
  }

  /**
   * Until no pipeline runs, no webhook is under way, and the service has nothing to do but to look again later. Shorter than a test's
   * own limit, so that it is this that says what was waited for.
   */
  async settled(timeoutMs = 45_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    let waitingFor = '';
    await until(
      () => `the world to settle: ${waitingFor}`,
      async () => {
        waitingFor = 'pipelines';
        if (this.gitlab.onMergeRequestPipeline !== null)
          await Promise.all(
            this.gitlab
              .pipelines(this.project)
              .map((pipeline) => this.ci.pipelineSettled(pipeline.id, { timeoutMs: deadline - Date.now() })),
          );
        waitingFor = 'webhooks';
        await this.gitlab.webhooksSettled();
        waitingFor = `work\n${this.logLines.slice(-40).join('')}`;
        return this.running === undefined || this.running.idle(this.clock.now() + 1_500);
      },
      timeoutMs,
    );
  }

  /** The service's note in a merge request; fails where there is more than one. */
  note(iid: number): Note | undefined {
    const notes = this.gitlab
      .notes(this.project, iid)
      .filter((note) => note.authorId === this.bot.id && note.body.startsWith('<!-- branch-deployments -->'));
    if (notes.length > 1) throw new Error(`${notes.length} notes in !${iid}`);
    return notes[0];
  }

  /** Pushes to a new branch and opens a merge request, whose pipeline starts. */
  async openMergeRequest(
    branch: string,
    files: Readonly<Record<string, FileChange>>,
    options: { title?: string; message?: string } = {},
  ): Promise<MergeRequest> {
    await this.push(branch, files, options);
    return this.gitlab.openMergeRequest(this.project, {
      sourceBranch: branch,
      targetBranch: 'main',
      title: options.title ?? `Change ${branch}`,
      author: this.dev,
    });
  }

  async push(branch: string, files: Readonly<Record<string, FileChange>>, options: { message?: string } = {}) {
    return this.gitlab.push(this.project, branch, {
      files,
      message: options.message ?? `Change ${branch}`,
      author: this.dev,
    });
  }

  /** Names of the instances that have a folder, and so may have processes. */
  instances(): string[] {
    return listFolder(join(this.dataDir, 'instances'));
  }

  /** Bundles on disk. */
  bundles(): string[] {
    return listFolder(join(this.dataDir, 'bundles')).filter((name) => name.endsWith('.tar.gz'));
  }

  /** The newest deploy job of a merge request. */
  deployJob(iid: number, name = 'branch-deployment:deploy') {
    const jobs = this.gitlab
      .pipelines(this.project)
      .filter((p) => p.mergeRequestIid === iid)
      .flatMap((p) => p.jobs.filter((job) => job.name === name));
    return jobs.sort((a, b) => b.id - a.id)[0];
  }

  /** URL of the preview, as the merge request's environment has it. */
  previewUrl(iid: number, environment = `review/mr-${iid}`): string {
    const url = this.gitlab.environment(this.project, environment)?.externalUrl;
    if (!url) throw new Error(`the environment ${environment} has no link`);
    return url;
  }

  /** A request to a preview, as a browser would send it. */
  preview(url: string, request?: PreviewRequest): Promise<PreviewAnswer> {
    return askPreview(url, request);
  }
}

function listFolder(path: string): string[] {
  return existsSync(path) ? readdirSync(path).sort() : [];
}

/** A world for one test, taken down when the test ends; requests that GitLab would have refused fail it. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const world = await openWorld(options);
  // What a Dagster project has installed is searched for secrets, and removed: minutes on a busy machine.
  onTestFinished(() => world.close(), 300_000);
  return world;
}

/** A world for a whole file: `beforeAll` opens it, and `afterAll` closes it. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const clock = new Clock();
  const gitlab = await StandInGitLab.start({ now: clock.now });
  const ci = startRunner(gitlab, {
    branchPipelines: options.branchPipelines ?? true,
    ...(options.shell ? { shell: options.shell } : {}),
  });
  if (options.pipelines === false) gitlab.onMergeRequestPipeline = gitlab.onBranchPipeline = null;
  const dataDir = mkdtempSync(join(tmpdir(), 'bd-data-'));
  shareUvCache(dataDir);
  shareWebserver(dataDir);
  const port = await freePort();
  const serviceUrl = `http://localhost:${port}`;
  const bot = gitlab.addUser('previews-bot', { tokens: [BOT_TOKEN] });
  const dev = gitlab.addUser('dev', { name: 'Dee Veloper' });
  const project = await gitlab.addProject({
    path: 'data/shop',
    files: options.files ?? (options.project ?? nodeProject)(serviceUrl),
    ...(options.mergedResults ? { mergedResults: true } : {}),
  });
  gitlab.addMember(project, bot, 40);
  gitlab.addMember(project, dev, 30);
  gitlab.addHook(project, { url: `${serviceUrl}/webhooks/gitlab`, signingToken: SIGNING_TOKEN });
  const env = {
    BD_GITLAB_URL: gitlab.url,
    BD_GITLAB_TOKEN: BOT_TOKEN,
    BD_PUBLIC_URL: serviceUrl,
    BD_ALLOWED_PROJECTS: 'data/*',
    BD_LISTEN: `127.0.0.1:${port}`,
    BD_DATA_DIR: dataDir,
    BD_WEBHOOK_SECRET: SIGNING_TOKEN,
    BD_PREVIEW_ACCESS: 'open',
    ...(process.getuid?.() === 0 ? { BD_PROCESS_USER: 'root' } : {}),
    ...options.env,
  };
  knowSecretSettings(env);
  const world = new World({ clock, gitlab, ci, project, dev, bot, serviceUrl, dataDir, env, options });
  if (options.startsService === false) return world;
  try {
    await world.startService();
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}
