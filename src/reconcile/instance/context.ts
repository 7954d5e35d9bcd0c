import type { LaunchContext, Preset } from '../../apps/preset.ts';
import type { AppSpec } from '../../deployment/app-spec.ts';
import type { ForkPolicy } from '../../deployment/forks.ts';
import type { SealingKey } from '../../deployment/sealed-variables.ts';
import type { SetupVariables } from '../../deployment/setup-variables.ts';
import type { Traffic } from '../../deployment/traffic.ts';
import type { Log } from '../../log.ts';
import type { Runtime, Source } from '../../runtimes/runtime.ts';
import type { RevisionLogs } from '../../store/revision-logs.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { Store } from '../../store/store.ts';

/** What the steps of the instance reconciler work with. */
export interface InstanceContext {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly logs: RevisionLogs;
  readonly traffic: Traffic;
  readonly log: Log;
  readonly now: () => number;
  readonly forks: ForkPolicy;
  /** Deployments that may have instances at once. */
  readonly maxRunning: number;
  /** Of `BD_SECRET_KEY`; none where it is not set. */
  readonly sealingKeys: readonly SealingKey[];
  readonly setupVariables: SetupVariables;
  presetFor(spec: AppSpec): Preset;
  /** What an instance is given, but for the variables that were handed over. */
  launchContext(deployment: DeploymentRow, revision: RevisionRow): LaunchContext;
  source(digest: string): Source;
  /** Drops what lies unpacked of a bundle, for a start that does not come; should another one want it, it is unpacked again. */
  dropTrees(digest: string): Promise<void>;
  /** Drops a bundle from disk. */
  removeBundle(digest: string): Promise<void>;
  previewUrl(name: string): string;
  /** Told how a revision ended, each time that is decided. The row is as it was before. */
  onEnded?(revision: RevisionRow, outcome: 'healthy' | 'failed' | 'superseded'): void;
  /** Ends the WebSockets of an instance that is about to stop. */
  closeWebSockets(instance: string): void;
}
