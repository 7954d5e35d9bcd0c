import { randomBytes, randomUUID } from 'node:crypto';
import { appFileJsonSchema } from './apps/app-file/schema.ts';
import { createPresets } from './apps/presets.ts';
import type { Config } from './config.ts';
import { makeDataDir } from './data-dir.ts';
import { isAllowedProject, previewUrl } from './deployment/naming.ts';
import { sealingKeys } from './deployment/sealed-variables.ts';
import { SetupVariables } from './deployment/setup-variables.ts';
import { Traffic } from './deployment/traffic.ts';
import { findPreview } from './front-door/find-preview.ts';
import { createFrontDoor } from './front-door/front-door.ts';
import { createCallers } from './gitlab/callers.ts';
import { createGitLab, type GitLabOptions } from './gitlab/client.ts';
import { createIdTokenVerifier } from './gitlab/id-token.ts';
import { rememberFacts } from './gitlab/remember-facts.ts';
import { createApp } from './http/app.ts';
import { createHeardOfStrangers } from './http/heard-of-strangers.ts';
import { createWebhookProof } from './http/webhook-proof.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { checkReach, resolveProcessUser } from './process-user.ts';
import { environmentReconciler } from './reconcile/environment.ts';
import { headReconciler } from './reconcile/head.ts';
import { instanceReconciler } from './reconcile/instance/instance.ts';
import { knownSecrets } from './reconcile/instance/variables.ts';
import { createLoop } from './reconcile/loop.ts';
import { mergeRequestReconciler } from './reconcile/merge-request.ts';
import { noteReconciler } from './reconcile/note.ts';
import type { Repair } from './reconcile/sweep/repairs.ts';
import { createProcessRuntime } from './runtimes/process.ts';
import type { Runtime } from './runtimes/runtime.ts';
import { composeComparison } from './service/comparison.ts';
import { countRevisions } from './service/count-revisions.ts';
import { countUploads } from './service/count-uploads.ts';
import { freeBytes } from './service/free-bytes.ts';
import { launchContexts } from './service/launch-contexts.ts';
import { logEvents } from './service/log-events.ts';
import { createHttpServer } from './service/server.ts';
import { composeSweep } from './service/sweep.ts';
import { createTokenState } from './service/token-state.ts';
import { createBundleStore } from './store/bundles/bundle-store.ts';
import { createCommitTrees } from './store/bundles/commit-trees.ts';
import { takeLock } from './store/lock.ts';
import { placeFreed } from './store/queue-news.ts';
import { createRevisionLogs } from './store/revision-logs.ts';
import { openStore } from './store/store.ts';
import { VERSION } from './version.ts';

const MAX_ENTRIES = 200_000;
/** An archive may unpack to so many times the upload limit. */
const UNPACK_FACTOR = 4;
const HEAD_PATIENCE_MS = 30_000;
/** With the largest upload each, half of the default `BD_MAX_DISK`. */
const HELD_AT_MOST = 20;

export interface Service {
  /** Address that it listens on. */
  readonly address: { readonly host: string; readonly port: number };
  /** Whether nothing is being worked on, and nothing is due before `at` (ms). */
  idle(at: number): boolean;
  /** One round of the sweep, now. */
  sweep(): Promise<void>;
  /** Ends the service; instances go on running, and are adopted by the next start. */
  stop(): Promise<void>;
}

/** What tests and benchmarks set; everything else has the default that people get. */
export interface ServiceOptions {
  readonly log: Log;
  /** How long GitLab's reads may lag behind what it did, as a merge request's head behind its pipeline; 30 s. */
  readonly headPatienceMs?: number;
  /** How GitLab is asked again. */
  readonly gitlab?: Pick<GitLabOptions, 'retry' | 'unauthorizedPauseMs'>;
  /** Ms since the epoch; the machine's clock. */
  readonly now?: () => number;
  /** Deployments of forks that may wait for approval at once; 20. */
  readonly heldAtMost?: number;
  /** Where instances run; else as the settings say. It is let go of at the end, not ended. */
  readonly runtime?: Runtime;
  /** What a process may still write to the file system of this folder, in bytes; else the system is asked. */
  readonly freeBytes?: (directory: string) => Promise<number>;
  /** Told of everything that the sweep found and put right. */
  readonly onRepair?: (kind: Repair) => void;
}

/**
 * Builds the service from its settings, and starts it.
 * @throws where the data folder is taken, a user is missing, or the address is in use
 */
export async function startService(config: Config, options: ServiceOptions): Promise<Service> {
  const { log } = options;
  const now = options.now ?? Date.now;
  const user = resolveProcessUser(config.processUser);
  const dir = makeDataDir(config.dataDir, { group: user?.gid ?? null });
  checkReach(user, dir.root);
  const lock = takeLock(dir.lock);
  const store = openStore(dir.database);
  logEvents(store, log);
  const logs = createRevisionLogs({ directory: dir.logs });
  const limits = {
    archiveBytes: config.maxUploadBytes,
    unpackedBytes: config.maxUploadBytes * UNPACK_FACTOR,
    entries: MAX_ENTRIES,
  };
  const bundles = createBundleStore({
    directory: dir.bundles,
    limits,
    now,
    // Nothing that it was made from runs again.
    onRemove: (digest) => store.revisions.forgetVariables(digest),
  });
  await bundles.clean();
  const traffic = new Traffic();
  const urlOf = (name: string) => previewUrl(name, config);
  const remote = { url: config.gitlab.url.href, userAgent: `branch-deployments/${VERSION}`, now };
  const metrics = createMetrics(
    {
      due: () => store.counts.due(now()).map((d) => ({ ...d, oldestSeconds: (now() - d.oldestDueAt) / 1000 })),
      phases: store.counts.phases,
    },
    VERSION,
  );
  const gitlab = createGitLab({
    ...remote,
    token: config.gitlab.token,
    onRequest: (report) => metrics.gitlabRequest('service', report),
    ...options.gitlab,
  });
  const idTokens = createIdTokenVerifier({
    gitlabUrl: config.gitlab.url.href,
    audience: config.publicUrl.href,
    now,
    ...(config.gitlab.issuer === undefined ? {} : { issuer: config.gitlab.issuer }),
  });
  const runtime =
    options.runtime ??
    createProcessRuntime({
      dataDir: dir.root,
      user,
      passEnv: config.passEnv,
      say: (message) => log.warn({ runtime: 'process' }, message),
    });
  const presets = createPresets({ pythonDownloads: config.pythonDownloads, passEnv: config.passEnv });
  const variables = { sealingKeys: sealingKeys(config.secretKeys), setupVariables: new SetupVariables() };
  const frontDoor = createFrontDoor({
    previewDomain: config.previewDomain,
    publicUrl: config.publicUrl,
    find: findPreview(store, logs, (revisionId) => knownSecrets({ store, ...variables }, revisionId)),
    traffic,
    now,
    log,
  });
  const commitTrees = createCommitTrees({ directory: dir.bases, limits });
  const readLagMs = options.headPatienceMs ?? HEAD_PATIENCE_MS;
  const base = { store, gitlab, log, now, forks: config.forks, previewUrl: urlOf };
  const { sweep, projects, room } = composeSweep(config, {
    ...{ store, gitlab, runtime, bundles, commitTrees, logs, log, now },
    freeBytes: options.freeBytes ?? freeBytes,
    onRepair: (kind) => {
      metrics.repaired(kind);
      options.onRepair?.(kind);
    },
  });
  const launching = {
    ...{ runtime, presetFor: presets.presetFor, launchContext: launchContexts(store, { previewUrl: urlOf }) },
    recogniseApp: presets.recognise,
  };
  const reconcilers = [
    projects,
    mergeRequestReconciler({ ...base, readLagMs, hasBundle: (digest) => bundles.has(digest) }),
    headReconciler(base),
    noteReconciler({
      ...base,
      noteCheckMs: config.sweepEveryMs / 2,
      maxRunning: config.maxRunning,
      readLagMs,
    }),
    environmentReconciler(base),
    instanceReconciler({
      ...base,
      ...variables,
      ...launching,
      logs,
      traffic,
      maxRunning: config.maxRunning,
      source: (digest) => bundles.source(digest),
      dropTrees: (digest) => bundles.dropStaged(digest),
      removeBundle: (digest) => bundles.remove(digest),
      onEnded: countRevisions(store, { metrics, now }),
      closeWebSockets: (instance) => frontDoor.closeWebSockets(instance),
    }),
    await composeComparison({ ...base, ...variables, ...launching, logs, commitTrees, dataDir: dir.root }),
  ];
  const loop = createLoop({ store, reconcilers, bootId: randomUUID(), log, now, onFailure: metrics.workFailed });
  const heardOfStrangers = createHeardOfStrangers();
  const app = createApp({
    log,
    metrics,
    appFileSchema: appFileJsonSchema(),
    checkWritable: store.checkWritable,
    gitlabState: createTokenState(gitlab, now),
    webhook: {
      store,
      heardOfStrangers,
      log,
      now,
      proof: createWebhookProof(config.webhook),
      previewUrl: urlOf,
      onWebhook: metrics.webhook,
    },
    api: {
      store,
      logs,
      log,
      now,
      publicUrl: config.publicUrl.href.replace(/\/+$/, ''),
      previewUrl: urlOf,
      gitlabOf: createCallers({ ...remote, onRequest: (report) => metrics.gitlabRequest('caller', report) }),
    },
    ci: {
      ...variables,
      store,
      heardOfStrangers,
      logs,
      gitlab: rememberFacts(gitlab, { now, isAllowed: (project) => isAllowedProject(config.allowedProjects, project) }),
      log,
      now,
      allowedProjects: config.allowedProjects,
      forks: config.forks,
      heldAtMost: options.heldAtMost ?? HELD_AT_MOST,
      headPatienceMs: options.headPatienceMs ?? HEAD_PATIENCE_MS,
      verifyToken: (token) => idTokens.verify(token),
      checkRoom: (bytes) => room.check(bytes),
      receiveBundle: countUploads(async (...args) => {
        const received = await bundles.receive(...args);
        room.received(received.archiveBytes + received.unpackedBytes);
        return received;
      }, metrics.upload),
      releaseBundle: async (bundle, { keepTree, keepArchive }) => {
        await bundles.release(bundle, { keepTree });
        if (!keepArchive()) await bundles.remove(bundle.digest);
      },
      recogniseApp: presets.recognise,
      previewUrl: urlOf,
      randomBytes,
    },
  });

  const server = createHttpServer(app, frontDoor);
  const address = await server.listen(config.listen);
  for (const warning of config.warnings) log.warn(warning);
  log.info(
    {
      version: VERSION,
      listen: `${address.host}:${address.port}`,
      publicUrl: config.publicUrl.href,
      previews: `*.${config.previewDomain}`,
    },
    'started',
  );
  // There may be more places than before.
  placeFreed(store, { limit: config.maxRunning, now: now() });
  loop.start();
  sweep.start();

  return {
    address,
    idle: (at) => loop.idle(at),
    sweep: () => sweep.once(),
    async stop() {
      const closed = server.close();
      await Promise.all([sweep.stop(), loop.stop(), frontDoor.close()]);
      server.closeAllConnections();
      await closed;
      await runtime.close();
      store.close();
      lock.release();
      log.info('stopped');
    },
  };
}
