import type { AppSpec } from '../deployment/app-spec.ts';
import type { Health, Launch, LostPart, Place, Step } from '../deployment/launch.ts';
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

/** What an instance does by itself, beside its requests. */
export interface Activity {
  /** In processes of this instance: its end would cut it. */
  readonly running: number;
  /** Of its deployment, and not begun: an instance must be there to begin it. */
  readonly waiting: number;
}

/**
 * Work that goes on in an instance beside its requests, as Dagster's runs do. An instance with activity is not put to sleep, one that was
 * replaced may end what runs in it, and before one is stopped its work is ended with a reason that people find.
 */
export interface BackgroundWork<Spec extends AppSpec = AppSpec> {
  /** Undefined where the instance cannot be asked now. Never rejects; takes a few seconds at most. */
  activity(spec: Spec, endpoint: { readonly host: string; readonly port: number }): Promise<Activity | undefined>;
  /** How long work of a replaced instance may go on; ms. */
  drainMs(spec: Spec): number;
  /** For `Runtime.exec`: begins nothing new in this instance. Safe to repeat. */
  readonly handOver: string;
  /** For `Runtime.exec`: ends its work, and with `all` also what waits; within half a minute. Safe to repeat. */
  end(reason: string, options: { readonly all: boolean }): string;
}

/** What is read: the branch's own code where no base is named. */
export interface Reading<Spec extends AppSpec = AppSpec> {
  /** The running instance's. */
  readonly place: Place;
  /** The program that reads (`changes/probe`): the text of its files by name, and what tells it apart from that of another release. */
  readonly program: { readonly files: Readonly<Record<string, string>>; readonly release: string };
  /** Name of the branch's location that reads, in its environment and with its values. */
  readonly location: string;
  /** Other code: its tree (absolute), what was recognised in it, and the name of the location of it that is read. */
  readonly base?: { readonly tree: string; readonly spec: Spec; readonly location: string };
}

/** Reads the definitions that an app's code makes, beside its running instance: what a branch changes is told by them. */
export interface DefinitionsReader<Spec extends AppSpec = AppSpec> {
  locations(spec: Spec): readonly string[];
  /**
   * Steps that read one location; the last one prints its snapshot, and nothing else where it succeeds. The others need not be repeated for
   * another location of the same tree.
   * @throws Error with a reason why it cannot be read
   */
  plan(spec: Spec, context: LaunchContext, reading: Reading<Spec>): readonly Step[];
  /**
   * Keeps files of the base's tree, once it was read, for the next revision; undefined where it asks for none. Prints the paths that are not
   * there as the app file has them, one a line.
   */
  keep?(spec: Spec, place: Place, tree: string): Step | undefined;
  /** Removes what was kept so. */
  dropKept?(place: Place): Step;
}

/** One way to run an app. */
export interface Preset<Spec extends AppSpec = AppSpec> {
  readonly name: Spec['preset'];
  launch(spec: Spec, context: LaunchContext): Launch;
  /**
   * Asked again and again until it is not `waiting`; one call takes at most a few seconds.
   * @param options.lost optional parts that the runtime says are not there: nothing is to be waited for
   * @param options.silent names of ports where nothing listens yet, as far as the runtime knows: it has news when something does
   */
  health(
    spec: Spec,
    endpoint: { readonly host: string; readonly port: number },
    options?: { readonly lost?: readonly LostPart[]; readonly silent?: readonly string[] },
  ): Promise<Health>;
  readonly background?: BackgroundWork<Spec>;
  readonly definitions?: DefinitionsReader<Spec>;
}
