/**
 * How to run one revision, after recognition: everything that the app file, the repository and the component's
 * inputs say, with defaults filled in. Stored as JSON with the revision, so it holds plain data only.
 */
export type AppSpec = CommandSpec | DagsterSpec;

/** What both presets share. Paths are relative to the root of the tree, with `/`, and `.` for the root itself. */
export interface CommonSpec {
  /** Folder of the app, where setup, prepare and start run. */
  readonly directory: string;
  /** Plain values from the app file; `${NAME}` is not expanded yet. */
  readonly env: Readonly<Record<string, string>>;
  /** Values of the repository's `.env`, already without the names that it may not set. */
  readonly dotenv: Readonly<Record<string, string>>;
  /** Names in the component's input `variables`, and names of those for setup that the job has handed over; the values are elsewhere. */
  readonly variables?: readonly string[];
  readonly setupVariables?: readonly string[];
  /** Folders of the tree that stay from revision to revision; none lies within another. */
  readonly persist?: readonly string[];
  /** From the start of setup to healthy. */
  readonly timeoutMs: number;
  /** What was recognised and why, and what was ignored: lines for the job log. */
  readonly remarks: readonly string[];
}

/** A web application that is started with a command. */
export interface CommandSpec extends CommonSpec {
  readonly preset: 'command';
  readonly setup?: string;
  /** Files whose content decides whether kept setup outputs can be used again. Empty: setup runs for each revision. */
  readonly setupInputs: readonly string[];
  readonly setupOutputs: readonly string[];
  readonly prepare?: string;
  readonly start: string;
  /** Path that answers 2xx or 3xx once the app is up. */
  readonly health: string;
}

/** A Dagster project: one code server per location, and a webserver from an environment of the service's own. */
export interface DagsterSpec extends CommonSpec {
  readonly preset: 'dagster';
  readonly locations: readonly DagsterLocation[];
  /** Dagster release that the project pins, where it does. */
  readonly dagsterVersion?: string;
  /** `runs`, which also stands for none named: backfills, run queue, run monitoring; `all`: schedules, sensors, automation too. */
  readonly daemon?: 'runs' | 'all' | 'none';
  /** Without one, Dagster's own. */
  readonly maxConcurrentRuns?: number;
  /** What the repository's `dagster.yaml` says, as far as it may say it: by key of that file. */
  readonly dagsterYaml?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  /** How it is compared with its base, where the app file says so. */
  readonly changes?: {
    /** `merge-base`, which also stands for none named; `target`, `on-create`, `on-update`, `environment:<name>`. */
    readonly compareWith?: string;
    /** Keys of metadata; without them, those that are known to differ in every branch. */
    readonly ignoreMetadata?: readonly string[];
    /** Names of the base's locations that the branch has under another name. */
    readonly renameLocations?: Readonly<Record<string, string>>;
    /** Files of the prepared base that the next revision is given; paths from `directory`. */
    readonly baseArtifacts?: readonly string[];
  };
  /** How long runs of a replaced revision may go on; without one, the preset's own. */
  readonly drainMs?: number;
}

/** One code location. */
export interface DagsterLocation {
  readonly name: string;
  /** Folder of its environment, where setup and prepare run. */
  readonly directory: string;
  /** What `dagster api grpc` is told to load; a file's path is relative to `directory`. */
  readonly load:
    | { readonly kind: 'module'; readonly name: string }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'package'; readonly name: string }
    | { readonly kind: 'autoload'; readonly name: string };
  readonly attribute?: string;
  /** Folder that its code server starts in, where that is not `directory`. */
  readonly startIn?: string;
  /** Folder that its code server imports from, where that is not `directory`. */
  readonly importsFrom?: string;
  readonly optional: boolean;
  /** Version or path of the interpreter that the default setup uses, where something names one. */
  readonly python?: string;
  readonly setup: string;
  /** The uv.lock that `setup` installs from, where it is the default `uv sync`: path from the root of the tree. */
  readonly lock?: string;
  readonly prepare?: string;
  /** Folders of dbt projects, whose last parse `prepare` begins with: paths from the root of the tree. */
  readonly dbtProjects?: readonly string[];
  /** Values of the `.env` in the location's own folder, where that is not the app's. */
  readonly dotenv?: Readonly<Record<string, string>>;
}
