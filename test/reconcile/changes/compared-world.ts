import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { baseFilesStep, dropBaseFilesStep } from '../../../src/apps/dagster/base-files.ts';
import type { DefinitionsReader, Preset } from '../../../src/apps/preset.ts';
import { type Probe, readProbe } from '../../../src/changes/probe-release.ts';
import type { DagsterSpec } from '../../../src/deployment/app-spec.ts';
import type { CommitFacts } from '../../../src/deployment/gitlab-facts.ts';
import { SetupVariables } from '../../../src/deployment/setup-variables.ts';
import { ProblemError } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { changesReconciler } from '../../../src/reconcile/changes/changes.ts';
import type { ChangesContext } from '../../../src/reconcile/changes/context.ts';
import type { Reconciler } from '../../../src/reconcile/reconciler.ts';
import type { Runtime } from '../../../src/runtimes/runtime.ts';
import { createCommitTrees } from '../../../src/store/bundles/commit-trees.ts';
import { createRevisionLogs } from '../../../src/store/revision-logs.ts';
import type { DeploymentRow, RevisionChangesRow, RevisionRow } from '../../../src/store/schema.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { wantRevision } from '../../../src/store/want.ts';
import { asset } from '../../changes/definitions.ts';
import { connect } from '../../gitlab/connect.ts';
import { ask, launchOf, readableLog, SERVER, sourceOf } from '../../runtimes/apps.ts';
import { type ProcessWorld, processWorld } from '../../runtimes/process-world.ts';
import { addDeployment } from '../../store/add-deployment.ts';
import { StandInGitLab } from '../../support/gitlab/stand-in.ts';
import type { MergeRequest, Project, User } from '../../support/gitlab/state.ts';

const TOKEN = 'secret-of-ada';

/**
 * A project whose definitions are written down: a file for each location. `locations.json` names them; `orders@2` is of code version 2.
 */
export const project = (locations: Readonly<Record<string, readonly string[]>>): Record<string, string> => ({
  'locations.json': JSON.stringify(Object.keys(locations)),
  ...Object.fromEntries(Object.entries(locations).map(([name, keys]) => [`${name}.json`, snapshotOf(keys)])),
});

export function snapshotOf(keys: readonly string[]): string {
  const assets = keys.map((written) => {
    const [key, version = null] = written.split('@') as [string, string?];
    return { ...asset(key, { codeVersion: version }), source: null, kinds: [], isExternal: false, error: null };
  });
  const names = { jobs: [], schedules: [], sensors: [], locks: {}, gaps: [] };
  return JSON.stringify({ version: 1, status: 'loaded', dagster: '1.13.27', python: '3.11.2', assets, ...names });
}

export const specOf = (names: readonly string[]): DagsterSpec => ({
  ...{ preset: 'dagster', directory: '.', env: {}, dotenv: {}, timeoutMs: 1, remarks: [] },
  locations: names.map((name) => ({
    ...{ name, directory: '.', load: { kind: 'module', name }, optional: false, setup: 'true' },
  })),
});

/** The file of the store in a data folder. */
export const storeIn = (folder: string): string => join(folder, 'service.sqlite');

/** What a comparison works with, over a folder of its own for the store and for trees of commits. */
export interface ComparisonParts {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly gitlabUrl: string;
  readonly projectId: number;
  readonly folder: string;
  /** The command that reads a location's file, as the Dagster preset's run the probe. */
  readonly read: (file: string) => string;
  readonly sideTime?: ChangesContext['sideTime'];
  readonly probe?: Probe;
  readonly limits?: { readonly archiveBytes: number; readonly unpackedBytes: number; readonly entries: number };
}

/** A real store, runtime and GitLab client; only what reads definitions is simpler than Dagster. */
export function comparison(parts: ComparisonParts): ChangesContext {
  const { store, runtime, folder, projectId } = parts;
  const limits = parts.limits ?? { archiveBytes: 1_000_000, unpackedBytes: 4_000_000, entries: 100 };
  const definitions: DefinitionsReader<DagsterSpec> = {
    locations: (spec) => spec.locations.map(({ name }) => name),
    keep: baseFilesStep,
    dropKept: dropBaseFilesStep,
    plan: (_spec, _context, { place, location, base }) => {
      const file = `${base?.tree ?? place.tree}/${base?.location ?? location}.json`;
      return [{ name: `definitions of ${location}`, directory: place.tree, command: parts.read(file), env: {} }];
    },
  };
  return {
    ...{ store, runtime, now: Date.now, sealingKeys: [], setupVariables: new SetupVariables() },
    log: createLog('silent'),
    logs: createRevisionLogs({ directory: join(folder, 'logs') }),
    gitlab: connect(parts.gitlabUrl, { token: TOKEN, retry: { attempts: 1 } }),
    dataDir: folder,
    probe: parts.probe ?? readProbe(),
    sideTime: parts.sideTime ?? (() => ({ limitMs: 600_000, signal: AbortSignal.timeout(600_000) })),
    commitTrees: createCommitTrees({ directory: join(folder, 'bases'), limits }),
    presetFor: () => ({ definitions }) as unknown as Preset,
    launchContext: () => ({ projectId, app: '', env: {} }),
    recogniseApp: async ({ tree }) => {
      const names = await readFile(resolve(tree, 'locations.json'), 'utf8').catch(() => {
        throw new ProblemError('nothing-recognised', 422, 'There is no project.');
      });
      return specOf(JSON.parse(names) as string[]);
    },
  };
}

/** A merge request whose branch runs, and differs from its target: `new` came and `old` went. */
export class ComparedWorld {
  readonly gitlab: StandInGitLab;
  readonly ada: User;
  readonly target: Project;
  readonly mr: MergeRequest;
  readonly world: ProcessWorld;
  readonly store: Store;
  readonly row: DeploymentRow;
  reconciler: Reconciler;
  private runtime: Runtime;
  /** The command that reads a location's file. */
  read: (file: string) => string = (file) => `cat ${file}`;

  static async open(): Promise<ComparedWorld> {
    const gitlab = await StandInGitLab.start();
    const ada = gitlab.addUser('ada', { name: 'Ada', tokens: [TOKEN] });
    const target = await gitlab.addProject({
      ...{ path: 'data/shop', owner: ada, files: project({ etl: ['orders', 'old'] }) },
    });
    await gitlab.push(target, 'feature', { files: project({ etl: ['orders', 'new'] }), author: ada });
    const mr = await gitlab.openMergeRequest(target, { sourceBranch: 'feature', title: 'Two', author: ada });
    const t = new ComparedWorld({ gitlab, ada, target, mr, world: await processWorld() });
    await t.live({ 'server.js': SERVER, ...project({ etl: ['orders', 'new'] }) });
    return t;
  }

  private constructor(parts: Pick<ComparedWorld, 'gitlab' | 'ada' | 'target' | 'mr' | 'world'>) {
    ({ gitlab: this.gitlab, ada: this.ada, target: this.target, mr: this.mr, world: this.world } = parts);
    this.runtime = this.world.runtime;
    this.store = openStore(storeIn(this.folder));
    this.row = addDeployment(this.store, 1, { projectId: this.target.id, sha: this.mr.sha, spec: specOf(['etl']) });
    this.reconciler = changesReconciler(this.context());
  }

  /** The data folder: of the runtime, the store, and trees of commits. */
  get folder(): string {
    return this.world.dataDir;
  }

  /** While `act` is under way another process is the service of this folder. */
  async handedOver<T>(act: () => Promise<T>): Promise<T> {
    await this.runtime.close();
    try {
      return await act();
    } finally {
      this.runtime = this.world.another();
      this.reconciler = changesReconciler(this.context());
    }
  }

  async close(): Promise<void> {
    this.store.close();
    await this.world.dispose();
    await this.gitlab.close();
    expect(this.gitlab.violations).toEqual([]);
  }

  context(options: Pick<ComparisonParts, 'limits' | 'sideTime' | 'probe'> = {}): ChangesContext {
    const { store, folder, runtime, target } = this;
    return comparison({
      ...{ store, folder, runtime, projectId: target.id, gitlabUrl: this.gitlab.localUrl },
      ...{ ...options, read: (file) => this.read(file) },
    });
  }

  /** The latest revision is healthy, and runs with these files. */
  async live(files: Readonly<Record<string, string>>): Promise<RevisionRow> {
    const { store, runtime, row } = this;
    const revision = store.revisions.latest(row.id) as RevisionRow;
    const ref = { name: revision.instance, deployment: row.name };
    await runtime.start(ref, launchOf(), sourceOf(files), readableLog());
    await ask(runtime, revision.instance);
    store.revisions.update(revision.id, { state: 'healthy', instanceState: 'present' });
    store.deployments.update(row.id, { liveRevisionId: revision.id });
    return revision;
  }

  /** One more revision of the same spec, but for what is told. */
  push(commitFacts: Partial<CommitFacts> = {}, more: Partial<DagsterSpec> = {}): void {
    const { commit, spec } = this.store.revisions.latest(this.row.id) as RevisionRow;
    const own = { pushedBy: 'Dee', bundle: 'b', sealedVariables: null, now: 1, why: 'test' };
    wantRevision(this.store, this.row, {
      ...own,
      commit: { ...commit, ...commitFacts },
      spec: { ...(spec as DagsterSpec), ...more },
    });
  }

  /** Passes, until nothing is left to do. */
  async passes(): Promise<void> {
    for (let left = 5; left > 0; left -= 1) if ('done' in (await this.reconciler.reconcile(this.row.id))) return;
    throw new Error('it does not come to an end');
  }

  /** What is decided about the latest revision. */
  decided(): RevisionChangesRow | undefined {
    return this.store.changes.of(this.store.revisions.latest(this.row.id)?.id ?? 0);
  }

  changed(): string[] | undefined {
    return this.decided()?.compared?.changes.assets.map(({ key, reasons }) => `${key} ${reasons}`);
  }

  async observe(instance: string): Promise<string> {
    return (await this.runtime.observe(instance)).state;
  }

  /** How many archives of commits GitLab was asked for. */
  archives(): number {
    return this.gitlab.requests.filter(({ path }) => path.includes('/archive')).length;
  }

  noteIsDue(): boolean {
    return this.store.work.find(`merge-request:${this.row.mergeRequestId}`, 'note') !== undefined;
  }
}
