import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Launch, SecretValues } from '../deployment/launch.ts';
import { messageOf } from '../errors.ts';
import { type Account, chooseAccount } from './process/account.ts';
import { markingEnvironment } from './process/environment.ts';
import { FinishingSetups } from './process/finishing-setups.ts';
import {
  dataFolders,
  deploymentFolder,
  instanceFolders,
  makeDataFolders,
  makeInstanceFolders,
  removeFolder,
} from './process/folders.ts';
import type { Ground } from './process/ground.ts';
import { Instance } from './process/instance.ts';
import { removeUnfinishedSetups } from './process/kept-setups.ts';
import { KeyedLock } from './process/keyed-lock.ts';
import { launchInstance } from './process/launch-instance.ts';
import { listeningPorts } from './process/listening-ports.ts';
import { News } from './process/news.ts';
import { makeOutput, readOutput } from './process/output.ts';
import { PortPool } from './process/ports.ts';
import { endLeftovers, recoverInstance } from './process/recover-instance.ts';
import { runShell } from './process/run-inside.ts';
import { SpareSetups } from './process/spare-setups.ts';
import { SPARES_NAME } from './process/spares-environment.ts';
import { removeStored, storedFolders } from './process/storage.ts';
import { workBeside } from './process/work-beside.ts';
import {
  type Beside,
  type InstanceLog,
  type InstanceRef,
  type Observation,
  type Runtime,
  RuntimeClosedError,
  type Source,
  type StoredFolder,
} from './runtime.ts';

/** How often adopted processes and the size of outputs are looked at, and how often a followed output. */
const TICK_MS = 1_000;
const FOLLOW_MS = 100;

/** Settings of the process runtime. */
export interface ProcessRuntimeOptions {
  /** Absolute path of the service's data directory; instances' user must be able to pass through it. */
  readonly dataDir: string;
  /** The user that instances run as; null: the service's own. */
  readonly user: Account | null;
  /** Variables of the service that children get: PATH, LANG, TZ, proxies, BD_PASS_ENV. */
  readonly passEnv: Readonly<Record<string, string>>;
  /** Address that instances listen on; 127.0.0.1 unless told. */
  readonly host?: string;
  /** From TERM to KILL; 10 s unless told. */
  readonly stopGraceMs?: number;
  /** From the use of a kept setup to the copy that is made ahead for the next one; 5 s unless told. */
  readonly spareAfterMs?: number;
  /** Size at which an instance's output is cut to its last half; 10 MiB unless told. */
  readonly outputLimitBytes?: number;
  /** Takes lines about odd things, for the operator. */
  readonly say?: (line: string) => void;
}

/**
 * The embedded runtime: instances are processes of this machine, each in a process group and a folder of its own. They outlive the
 * service, and the next one adopts them. Only one runtime at a time may use a data directory.
 */
export function createProcessRuntime(options: ProcessRuntimeOptions): Runtime {
  if (!isAbsolute(options.dataDir)) throw new Error(`the data directory must be absolute: ${options.dataDir}`);
  return new ProcessRuntime({
    folders: dataFolders(options.dataDir),
    account: chooseAccount(options.user),
    passEnv: options.passEnv,
    host: options.host ?? '127.0.0.1',
    stopGraceMs: options.stopGraceMs ?? 10_000,
    outputLimitBytes: options.outputLimitBytes ?? 10 * 1024 * 1024,
    ports: new PortPool(),
    spares: new SpareSetups(options.spareAfterMs),
    finishing: new FinishingSetups(),
    news: new News(),
    say: options.say ?? (() => {}),
  });
}

class ProcessRuntime implements Runtime {
  readonly kind = 'process';
  private readonly ground: Ground;
  private readonly instances = new Map<string, Instance>();
  /** One start, stop or recovery at a time for each name. */
  private readonly names = new KeyedLock();
  private readonly sharedFolders = new KeyedLock();
  private readonly closing = new AbortController();
  private readonly ticking: NodeJS.Timeout;
  private opening: Promise<void> | undefined;

  constructor(ground: Ground) {
    this.ground = ground;
    this.ticking = setInterval(() => this.tick(), TICK_MS).unref();
  }

  async start(ref: InstanceRef, launch: Launch, source: Source, log: InstanceLog): Promise<void> {
    await this.open();
    const { ground } = this;
    const { name, deployment } = ref;
    const data = deploymentFolder(ground.folders, deployment);
    await this.names.run(name, async () => {
      const before = await this.recover(name);
      if (before?.isUp) return;
      const folders = instanceFolders(ground.folders, name);
      // Looking through all processes of the machine for a name that is new would be the longest part of a start.
      if (before || existsSync(folders.root)) await this.remove(name);
      makeInstanceFolders(folders, data, ground.account);
      makeOutput(folders.output, ground.account);
      this.closing.signal.throwIfAborted();
      const instance = new Instance(ground, {
        version: 1,
        name,
        deployment,
        stage: 'preparing',
        step: 'unpacking',
        host: ground.host,
        ports: {},
        port: null,
        processes: [],
        commands: [],
        surroundings: null,
        exit: null,
        outputBase: 0,
      });
      instance.save({});
      this.instances.set(name, instance);
      instance.launching = launchInstance(instance, { launch, source, log, sharedLock: this.sharedFolders });
    });
  }

  async observe(name: string): Promise<Observation> {
    return (await this.find(name))?.observe() ?? { state: 'absent' };
  }

  onNews(listener: (name: string) => void): void {
    this.ground.news.listen(listener);
  }

  async stop(name: string): Promise<void> {
    await this.open();
    await this.names.run(name, () => this.remove(name));
  }

  async removeData(deployment: string): Promise<void> {
    await removeFolder(deploymentFolder(this.ground.folders, deployment), this.ground.account);
  }

  async exec(name: string, command: string, log: InstanceLog, secret: SecretValues = {}): Promise<number> {
    const instance = await this.find(name);
    const surroundings = instance?.record.surroundings;
    if (!instance || !surroundings) throw new Error(`there is no instance ${name} to run a command in`);
    const end = await runShell(instance, 'command', {
      script: command,
      directory: surroundings.directory,
      env: { ...secret, ...surroundings.env },
      signal: instance.gone,
      onOutput: (chunk) => log.write(chunk),
    });
    return end.code ?? 128 + (end.signal ? constants.signals[end.signal] : 0);
  }

  async beside<T>(
    name: string,
    options: { readonly source?: Source; readonly log: InstanceLog },
    act: (beside: Beside) => Promise<T>,
  ): Promise<T> {
    const instance = await this.find(name);
    if (instance?.record.stage !== 'running') throw new Error(`there is no running instance ${name} to work beside`);
    return workBeside(instance, { ...options, sharedLock: this.sharedFolders }, act);
  }

  async list(): Promise<string[]> {
    await this.open();
    const entries = await readdir(this.ground.folders.instances, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  async storedFolders(): Promise<StoredFolder[]> {
    await this.open();
    return storedFolders(this.ground, Date.now());
  }

  async removeStored(folder: StoredFolder): Promise<void> {
    await this.open();
    await removeStored(this.ground, folder);
  }

  async deployments(): Promise<string[]> {
    await this.open();
    return readdir(this.ground.folders.deployments);
  }

  async *logs(
    name: string,
    options: { readonly from?: number; readonly follow?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array> {
    const follow = options.follow && AbortSignal.any([options.follow, this.closing.signal]);
    let at = options.from ?? 0;
    const instance = await this.find(name);
    while (instance && instance === this.instances.get(name)) {
      const mayGrow = instance.isUp;
      at = Math.max(at, instance.record.outputBase);
      const chunk = readOutput(instance.folders.output, at - instance.record.outputBase);
      at += chunk.length;
      if (chunk.length > 0) yield chunk;
      else if (!follow || !mayGrow) return;
      else
        await delay(FOLLOW_MS, undefined, { signal: AbortSignal.any([follow, this.closing.signal]) }).catch(() => {});
      if (follow?.aborted || this.closing.signal.aborted) return;
    }
  }

  async listeningPorts(name: string): Promise<number[]> {
    const instance = await this.find(name);
    return listeningPorts(instance?.processes().map(({ pid }) => pid) ?? []);
  }

  async close(): Promise<void> {
    clearInterval(this.ticking);
    this.closing.abort(new RuntimeClosedError());
    await Promise.all([
      this.ground.spares.close(),
      this.ground.finishing.close(),
      ...[...this.instances.values()].map((instance) => instance.release()),
    ]);
  }

  /** Makes the folders, and repairs what an earlier service left; not before it is asked for something, for only then is it alone. */
  private open(): Promise<void> {
    this.closing.signal.throwIfAborted();
    this.opening ??= this.prepare().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async prepare(): Promise<void> {
    makeDataFolders(this.ground.folders, this.ground.account);
    // All of them before anything else: what an interrupted start left running may still write into shared folders.
    const names = await readdir(this.ground.folders.instances);
    await Promise.all(
      names.map((name) =>
        this.names
          .run(name, () => this.recover(name))
          .catch((error: unknown) => this.ground.say(`${name}: ${messageOf(error)}`)),
      ),
    );
    await endLeftovers(this.ground, SPARES_NAME, []);
    await removeUnfinishedSetups(this.ground);
  }

  /** The instance, as far as it is known or can be adopted. */
  private async find(name: string): Promise<Instance | undefined> {
    await this.open();
    return this.instances.get(name) ?? this.names.run(name, () => this.recover(name));
  }

  private async recover(name: string): Promise<Instance | undefined> {
    const known = this.instances.get(name);
    if (known) return known;
    const found = await recoverInstance(this.ground, name);
    if (found) this.instances.set(name, found);
    return found;
  }

  /** Ends what has this name, and removes its folder. */
  private async remove(name: string): Promise<void> {
    const { ground } = this;
    const folders = instanceFolders(ground.folders, name);
    const instance = await this.recover(name);
    if (instance) await instance.stop();
    else await endLeftovers(ground, name, []);
    // Marked as the instance's: if the service is killed now, the next one ends it before it uses the folder again.
    const env = markingEnvironment(ground, { name, folders });
    await removeFolder(folders.root, ground.account, { env });
    this.instances.delete(name);
    ground.ports.release(name);
  }

  private tick(): void {
    for (const instance of this.instances.values()) {
      try {
        instance.tick();
      } catch (error) {
        this.ground.say(`${instance.record.name}: ${messageOf(error)}`);
      }
    }
  }
}
