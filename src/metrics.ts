import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { PHASES, type Phase } from './deployment/phase.ts';

const PREFIX = 'branch_deployments_';

/** Seconds. From an app whose setup is kept to one that installs everything anew. */
const PUSH_BUCKETS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800];
const REQUEST_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** GitLab's names in X-Gitlab-Event that the service asks for; whatever else a sender writes there is `other`. */
const EVENTS = new Map([
  ['Merge Request Hook', 'merge_request'],
  ['Push Hook', 'push'],
  ['Note Hook', 'note'],
  ['Confidential Note Hook', 'note'],
  ['Pipeline Hook', 'pipeline'],
  ['Deployment Hook', 'deployment'],
]);

export type WebhookOutcome = 'accepted' | 'ignored' | 'refused';
export type RevisionOutcome = 'healthy' | 'failed' | 'superseded';
export type UploadOutcome = 'taken' | 'refused' | 'failed';

/** What is read from the database at each scrape. */
export interface MetricSources {
  due(): ReadonlyArray<{ readonly kind: string; readonly count: number; readonly oldestSeconds: number }>;
  phases(): ReadonlyArray<{ readonly phase: Phase; readonly count: number }>;
}

/** Whom the parts of the service tell what they did. Labels come from short lists: no project, no merge request, no name of a person. */
export interface Metrics {
  readonly contentType: string;
  /** All of it, in the text format of Prometheus. */
  text(): Promise<string>;
  workFailed(kind: string): void;
  /** @param sincePushMs from the first call of its job; set where it became healthy for the first time */
  revisionEnded(preset: string, outcome: RevisionOutcome, sincePushMs?: number): void;
  /** @param by whose token it was: the service's own, or that of somebody who calls the API */
  gitlabRequest(
    by: 'service' | 'caller',
    report: {
      readonly method: string;
      readonly ms: number;
      readonly status?: number;
      readonly failure?: string;
      readonly rateLimitRemaining?: number;
    },
  ): void;
  webhook(event: string | undefined, outcome: WebhookOutcome): void;
  repaired(kind: string): void;
  upload(outcome: UploadOutcome, bytes: number): void;
}

export function createMetrics(sources: MetricSources, version: string): Metrics {
  const registry = new Registry();
  const at = { registers: [registry] };
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ ...at, name: `${PREFIX}${name}`, help, labelNames });

  new Gauge({ ...at, name: `${PREFIX}build_info`, help: 'Version of the service.', labelNames: ['version'] }).set(
    { version },
    1,
  );
  new Gauge({
    ...at,
    name: `${PREFIX}deployments`,
    help: 'Deployments by phase.',
    labelNames: ['phase'],
    collect() {
      for (const phase of PHASES) this.set({ phase }, 0);
      for (const { phase, count } of sources.phases()) this.set({ phase }, count);
    },
  });
  const oldest = new Gauge({
    ...at,
    name: `${PREFIX}work_oldest_due_seconds`,
    help: 'How long the oldest due work has waited.',
  });
  new Gauge({
    ...at,
    name: `${PREFIX}work_due`,
    help: 'Work that is due and not claimed, by kind.',
    labelNames: ['kind'],
    collect() {
      const due = sources.due();
      this.reset();
      for (const { kind, count } of due) this.set({ kind }, count);
      oldest.set(Math.max(0, ...due.map(({ oldestSeconds }) => oldestSeconds)));
    },
  });
  const failures = counter('work_failures_total', 'Passes that failed and are tried again, by kind.', ['kind']);
  const revisions = counter('revisions_total', 'Revisions by how they ended.', ['preset', 'outcome']);
  const pushed = new Histogram({
    ...at,
    name: `${PREFIX}push_to_healthy_seconds`,
    help: "From the first call of a push's deploy job to the moment its app is healthy.",
    labelNames: ['preset'],
    buckets: PUSH_BUCKETS,
  });
  const requests = counter('gitlab_requests_total', 'Requests to GitLab, repeated ones too.', [
    'by',
    'method',
    'outcome',
  ]);
  const durations = new Histogram({
    ...at,
    name: `${PREFIX}gitlab_request_duration_seconds`,
    help: 'How long GitLab took to answer.',
    labelNames: ['method'],
    buckets: REQUEST_BUCKETS,
  });
  const remaining = new Gauge({
    ...at,
    name: `${PREFIX}gitlab_rate_limit_remaining`,
    help: "What GitLab's last answer said is left of the rate limit of the service's token.",
  });
  const webhooks = counter('webhooks_total', 'Webhooks by event and by what became of them.', ['event', 'outcome']);
  const repairs = counter('sweep_repairs_total', 'What the sweep found and put right.', ['kind']);
  const uploads = counter('uploads_total', 'Archives that jobs sent.', ['outcome']);
  const bytes = counter('upload_bytes_total', 'Bytes of the archives that were taken.', []);

  return {
    contentType: registry.contentType,
    text: async () => `${await registry.metrics()}\n${await processMetrics().metrics()}`,
    workFailed: (kind) => failures.inc({ kind }),
    revisionEnded(preset, outcome, sincePushMs) {
      revisions.inc({ preset, outcome });
      if (sincePushMs !== undefined) pushed.observe({ preset }, sincePushMs / 1000);
    },
    gitlabRequest(by, { method, ms, status, failure, rateLimitRemaining }) {
      requests.inc({ by, method, outcome: outcomeOf(status, failure) });
      durations.observe({ method }, ms / 1000);
      if (by === 'service' && rateLimitRemaining !== undefined) remaining.set(rateLimitRemaining);
    },
    webhook: (event, outcome) => webhooks.inc({ event: EVENTS.get(event ?? '') ?? 'other', outcome }),
    repaired: (kind) => repairs.inc({ kind }),
    upload(outcome, size) {
      uploads.inc({ outcome });
      if (outcome === 'taken') bytes.inc(size);
    },
  };
}

/** Statuses that say something of their own; the others are told by their class. */
const TELLING = new Set([401, 403, 404, 409, 429]);

function outcomeOf(status: number | undefined, failure: string | undefined): string {
  if (status === undefined) return failure === 'timeout' ? 'timeout' : 'unreachable';
  return TELLING.has(status) ? String(status) : `${Math.floor(status / 100)}xx`;
}

let ofProcess: Registry | undefined;

/** prom-client's own about the process, under the names that dashboards know. Their observers cannot be taken back, so there is one of each. */
function processMetrics(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
