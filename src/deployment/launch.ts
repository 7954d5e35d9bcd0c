/**
 * What a preset asks of a runtime, in the runtime's terms: steps that end, processes that stay.
 * A preset knows nothing of process groups or containers, a runtime nothing of Dagster.
 */

/** Where a runtime has put an instance; absolute paths as the instance's own processes see them. */
export interface Place {
  /** The instance's name, unique in the service. */
  readonly name: string;
  /** Root of the unpacked source. */
  readonly tree: string;
  /** A folder of this instance alone, outside the tree, for generated files (and HOME, TMPDIR below it). */
  readonly work: string;
  /** The deployment's folder, which stays from revision to revision. */
  readonly data: string;
  /** A folder shared by all instances of the service, for package caches and the presets' own environments. */
  readonly shared: string;
  /** Address that processes listen on. */
  readonly host: string;
  /** A free port for each name in `Launch.ports`. */
  readonly ports: Readonly<Record<string, number>>;
}

/** How to launch one instance. */
export interface Launch {
  /** Names of the ports that it needs; the first one is the endpoint that gets the traffic. */
  readonly ports: readonly [string, ...string[]];
  /** Called once for each start, when the place is known and the source is unpacked. */
  plan(place: Place): Promise<LaunchPlan>;
}

/** More variables of a command, below those of its `env`. A runtime never writes them down: whoever runs a command later gives them anew. */
export type SecretValues = Readonly<Record<string, string>>;

/** What to do in a place. */
export interface LaunchPlan {
  /** Absolute paths below the tree that are taken out of the private copy before anything runs: a `.env` would undo the isolation. */
  readonly removeFromTree?: readonly string[];
  /**
   * Folders that stay from revision to revision: `path`, absolute and below the tree, becomes a link to `kept`, below `place.data`,
   * before anything runs. The first start gives `kept` what its tree has at `path`; for later ones that is left out. Two instances
   * side by side share it.
   */
  readonly persist?: ReadonlyArray<{ readonly path: string; readonly kept: string }>;
  /** Written before anything runs; paths are absolute and lie in `place.work` or `place.data`. */
  readonly files: readonly PlannedFile[];
  /** Run one after the other; the first that fails fails the instance, but for those of optional parts. */
  readonly steps: readonly Step[];
  /** Started when the steps are done, or at once where `early` says so. All of them belong to one instance, which ends with any that is not optional. */
  readonly processes: readonly [PlannedProcess, ...PlannedProcess[]];
}

/** A file that the instance's user alone may read. */
export interface PlannedFile {
  readonly path: string;
  readonly content: string;
  /** Taken away when the steps are done. */
  readonly stepsOnly?: true;
}

/** A command that ends. */
export interface Step {
  /** For people: "setup", "prepare etl". */
  readonly name: string;
  /** Absolute folder that it runs in. */
  readonly directory: string;
  /** One line (or script) for `sh -c`. It comes from the repository: never build it from anything else that a user controls. */
  readonly command: string;
  /** Lines that go before it in its shell, and are shown to nobody. */
  readonly prelude?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secret?: SecretValues;
  /** Its outputs are kept and given to later instances with the same key, each as a private copy. */
  readonly keep?: {
    /** SHA-256, hex, over everything that decides what the step makes. */
    readonly key: string;
    /** Absolute paths below the tree. */
    readonly outputs: readonly string[];
    /**
     * SHA-256, hex, over what decides whose outputs the step can begin with: where none are kept under its key, it is given those that were
     * used last under the same kin. Its command must make of them what it makes of nothing.
     */
    readonly kin?: string;
    /**
     * Parts of the outputs, by a name that its command takes for all of a part: one that was kept with another part of the same name is no
     * kin, since the command would leave that one as it is.
     */
    readonly parts?: Readonly<Record<string, string>>;
    /**
     * Script for `sh` that makes what is kept quicker to use and no different, as byte code does; `$@` are the copies of the outputs that
     * there are. It may run beside the start, and may be ended at any time.
     */
    readonly finish?: string;
  };
  /**
   * Files that the step makes and is quicker with: where the tree has none, each begins as the deployment's last successful run of the
   * step left it.
   */
  readonly carry?: {
    /** Absolute paths below the tree. */
    readonly files: readonly string[];
    /** Absolute, below `Place.data`: where they lie between two pushes. */
    readonly folder: string;
  };
  /** Names of the parts that it is for, where the app can do without them: one that fails leaves these out, and the rest goes on. */
  readonly optionalParts?: readonly string[];
  /** Makes a folder that all instances share: it runs only when that folder is not whole yet, and never twice at once. */
  readonly makesShared?: { readonly path: string };
  /** Needs nothing of what `makesShared` steps make, and runs beside them. */
  readonly besideShared?: true;
}

/** A command that stays. */
export interface PlannedProcess {
  /** For people and logs: "app", "webserver", "code server etl". */
  readonly name: string;
  readonly directory: string;
  /** Program and arguments, without a shell; a command of the repository's is `['/bin/sh', '-c', command]`. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly secret?: SecretValues;
  /** Start at once, beside the steps; it must bear that the rest is not there yet. It waits for `makesShared` steps all the same. */
  readonly early?: boolean;
  /** Name of the part that it is for, where the app can do without it: its end is not the instance's. */
  readonly optionalPart?: string;
}

/** A part of a launched instance that is not there, and that it does without. `reason` is a sentence for people. */
export interface LostPart {
  readonly name: string;
  readonly reason: string;
}

/** What health says about a launched instance. Never thrown: an app that does not answer is `waiting`. */
export type Health =
  /**
   * `news`: never rejects; settles when it is worth asking again, though nobody need wait for it. `parts`: only what is optional is waited
   * for, and when the time to start is over, it is healthy with these.
   */
  | {
      readonly state: 'waiting';
      readonly detail: string;
      readonly news?: Promise<void>;
      readonly parts?: readonly PartHealth[];
    }
  | { readonly state: 'healthy'; readonly parts: readonly PartHealth[] }
  | { readonly state: 'failed'; readonly message: string; readonly parts: readonly PartHealth[] };

/** One part of an app that has its own state: a code location of Dagster's. */
export interface PartHealth {
  readonly name: string;
  readonly state: 'healthy' | 'waiting' | 'failed';
  /** What went wrong, with the stack, where it failed; a warning where it is healthy. */
  readonly message?: string;
  /** It failed by not being there, and may come: the message says in one line why it is not. */
  readonly absent?: boolean;
}
