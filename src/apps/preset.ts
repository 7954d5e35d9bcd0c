import type { AppSpec } from '../deployment/app-spec.ts';
import type { Health, Launch } from '../deployment/launch.ts';
import type { HandedVariable } from '../deployment/sealed-variables.ts';

/** What is asked of recognition. Paths are relative to the root of the tree. */
export interface RecogniseRequest {
  /** Absolute path of the unpacked tree. */
  readonly tree: string;
  readonly directory: string;
  readonly timeoutMs: number;
  /** Names of the variables that the job hands over, also of those that it has not. */
  readonly variables?: readonly string[];
  readonly setupVariables?: readonly string[];
}

/** Facts that decide what an instance is given; see contract §4. */
export interface LaunchContext {
  readonly projectId: number;
  readonly app: string;
  /** The values of contract §4, ready to hand over. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables that the job handed over: secrets, which are in memory only. */
  readonly variables?: readonly HandedVariable[];
  /** Those for setup and prepare alone. */
  readonly setupVariables?: readonly HandedVariable[];
}

/** One way to run an app. */
export interface Preset<Spec extends AppSpec = AppSpec> {
  readonly name: Spec['preset'];
  launch(spec: Spec, context: LaunchContext): Launch;
  /** Asked again and again until it is not `waiting`; one call takes at most a few seconds. */
  health(spec: Spec, endpoint: { readonly host: string; readonly port: number }): Promise<Health>;
}
