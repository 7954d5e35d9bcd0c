import type { Launch, LostPart, Place, SecretValues, Step } from '../deployment/launch.ts';

/** The instance that a runtime is asked for; `name` is the key for everything. */
export interface InstanceRef {
  /** One DNS label, made by the service: `<deployment name>-r<revision number>`. */
  readonly name: string;
  /** Name of the deployment, whose data folder the instance shares with its siblings. */
  readonly deployment: string;
}

/** Where the code comes from. */
export interface Source {
  /** Makes the tree at `directory`, which does not exist yet. Rejects without leaving half a tree, soon after `signal` too. */
  unpackInto(directory: string, signal?: AbortSignal): Promise<void>;
}

/** Where steps report to: the log that the pipeline's job follows. */
export interface InstanceLog {
  /** One line of the service's own, without a line break. */
  say(line: string): void;
  /** Raw output of a step. */
  write(chunk: Uint8Array): void;
}

/** What is there, as observed now. */
export type Observation =
  | { readonly state: 'absent' }
  | { readonly state: 'starting'; readonly step: string }
  /**
   * `listens`: whether something accepts connections at the endpoint; left out where the runtime has not looked. `silent`: names of the ports
   * where nothing has accepted one yet; left out as well. `lost`: optional parts that
   * are not there now, where there are any: a step of theirs failed, or their process ended. Such a process is started again a few times.
   */
  | {
      readonly state: 'running';
      readonly endpoint: Endpoint;
      readonly listens?: boolean;
      readonly silent?: readonly string[];
      readonly lost?: readonly LostPart[];
    }
  /** `code` is null where a signal ended it. `reason` is a sentence for people: which step or process, and how it ended. */
  | { readonly state: 'exited'; readonly code: number | null; readonly reason: string };

/** Something that a runtime keeps on this machine's disk. */
export interface StoredFolder {
  readonly path: string;
  /** `setup`: outputs of a step, kept for the next start; `spare`: a copy of one, made ahead of time; `shared`: what all instances use. */
  readonly kind: 'instance' | 'data' | 'shared' | 'setup' | 'spare';
  /** When it was last used or changed; ms since the epoch. */
  readonly usedAt: number;
  /** Whether it may go at any time: it is made anew where it is missing. */
  readonly removable: boolean;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Work beside an instance's processes, for as long as it is done. */
export interface Beside {
  /** The instance's. */
  readonly place: Place;
  /** A tree of other code, where the work brought one; absolute. */
  readonly tree?: string;
  /**
   * Runs a step with the instance's rights; nothing is kept or carried for it. Rejects where it fails, with a sentence for people, and with
   * the signal's reason.
   */
  run(
    step: Step,
    options?: { readonly onOutput?: (chunk: Uint8Array) => void; readonly signal?: AbortSignal },
  ): Promise<void>;
}

/** A runtime that was let go of starts nothing more: not the instance's fault, and the next service tries again. */
export class RuntimeClosedError extends Error {
  override readonly name = 'RuntimeClosedError';

  constructor() {
    super('the runtime is closed');
  }
}

/**
 * The contract that every runtime keeps; `test/runtimes/contract.ts` runs against each of them.
 * All of it may be repeated at any time, also after a crash at any line.
 */
export interface Runtime {
  readonly kind: 'process' | 'docker' | 'kubernetes' | 'external';
  /** Idempotent by name: an instance that is starting or running is left alone, an exited one is started anew. Returns once launched. */
  start(instance: InstanceRef, launch: Launch, source: Source, log: InstanceLog): Promise<void>;
  observe(name: string): Promise<Observation>;
  /**
   * Names the one who is told that there is something new to observe of an instance: it has exited, listens on a port, or has lost a part. A hint, of which
   * some never come (after a restart of the service, above all). Left out by a runtime that can only be asked.
   */
  onNews?(listener: (name: string) => void): void;
  /** Ends and removes the instance with its folder (not the deployment's data). Idempotent; returns when gone. */
  stop(name: string): Promise<void>;
  /** Removes what the deployment's instances shared. Only when none of them is left. */
  removeData(deployment: string): Promise<void>;
  /** What it keeps on this machine's disk, without what is in it. */
  storedFolders?(): Promise<StoredFolder[]>;
  /** Removes one that is `removable`; one that is gone is fine. */
  removeStored?(folder: StoredFolder): Promise<void>;
  /**
   * Runs a command where the instance runs, with its environment; returns the exit code.
   * @param secret the same as the plan's: a runtime does not keep it
   */
  exec(name: string, command: string, log: InstanceLog, secret?: SecretValues): Promise<number>;
  /**
   * Does work beside the processes of a running instance, in its place. What it brings is gone when it has ended.
   * @param options.source a tree of other code for it
   */
  beside?<T>(
    name: string,
    options: { readonly source?: Source; readonly log: InstanceLog },
    act: (beside: Beside) => Promise<T>,
  ): Promise<T>;
  /** Names of all instances, also of half-made and exited ones. */
  list(): Promise<string[]>;
  /** Names of the deployments that have something which `removeData` would remove; none where the runtime keeps nothing. */
  deployments?(): Promise<string[]>;
  /** What the instance's processes print, from byte `from` of what is still kept. */
  logs(name: string, options?: { readonly from?: number; readonly follow?: AbortSignal }): AsyncIterable<Uint8Array>;
  /** TCP ports that the instance's processes listen on: for the message that an app listens on a wrong one. Empty where the system does not tell. */
  listeningPorts?(name: string): Promise<number[]>;
  /** Lets go without ending any instance: they are adopted again by the next start of the service. What is asked later rejects with a RuntimeClosedError. */
  close(): Promise<void>;
}
