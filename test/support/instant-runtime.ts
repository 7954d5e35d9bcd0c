import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Launch, LostPart } from '../../src/deployment/launch.ts';
import { messageOf } from '../../src/errors.ts';
import type { InstanceLog, InstanceRef, Observation, Runtime, Source } from '../../src/runtimes/runtime.ts';

/** The file that an instance answers every request with; without it, it answers its own name. */
export const ANSWER_FILE = 'answer.txt';
/** A file that makes the instance end at once; its text is the exit code. */
export const EXIT_FILE = 'exit.txt';

interface Running {
  observation: Observation;
  server: Server | undefined;
  launching: Promise<void>;
}

/**
 * A runtime whose instances are there at once: each is an HTTP server in this process that answers with a file of the revision's
 * tree. It keeps the contract of `Runtime`, and like processes its instances outlive the service: one runtime can be given to
 * several services, one after the other. For tests and benchmarks where setup and start are not the point.
 */
export class InstantRuntime implements Runtime {
  readonly kind = 'process';
  /** Absolute; one folder for each instance. */
  readonly directory = mkdtempSync(join(tmpdir(), 'bd-instant-'));
  /** How often an instance was started. */
  starts = 0;
  private readonly instances = new Map<string, Running>();
  private held: { readonly until: Promise<void>; readonly end: () => void } | undefined;

  async start(instance: InstanceRef, _launch: Launch, source: Source, _log: InstanceLog): Promise<void> {
    const { name } = instance;
    const before = this.instances.get(name);
    if (before && before.observation.state !== 'exited') return;
    await this.stop(name);
    this.starts += 1;
    const running: Running = {
      observation: { state: 'starting', step: 'unpacking' },
      server: undefined,
      launching: Promise.resolve(),
    };
    this.instances.set(name, running);
    running.launching = this.launch(name, running, source).catch((error: unknown) => {
      running.observation = { state: 'exited', code: null, reason: messageOf(error) };
    });
  }

  /** Instances that are started from now on come up only when `letGo` is called. */
  hold(): void {
    let end = () => {};
    const until = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.held = { until, end };
  }

  letGo(): void {
    this.held?.end();
    this.held = undefined;
  }

  /** From now on a running instance is without these parts. */
  lose(name: string, lost: readonly LostPart[]): void {
    const running = this.instances.get(name);
    if (running?.observation.state === 'running') running.observation = { ...running.observation, lost };
  }

  async observe(name: string): Promise<Observation> {
    return this.instances.get(name)?.observation ?? { state: 'absent' };
  }

  async stop(name: string): Promise<void> {
    const running = this.instances.get(name);
    await running?.launching;
    running?.server?.closeAllConnections();
    running?.server?.close();
    rmSync(join(this.directory, name), { recursive: true, force: true });
    if (this.instances.get(name) === running) this.instances.delete(name);
  }

  async removeData(): Promise<void> {}

  async exec(): Promise<number> {
    return 0;
  }

  async list(): Promise<string[]> {
    return this.names();
  }

  /** As `list`. */
  names(): string[] {
    return readdirSync(this.directory).sort();
  }

  async *logs(): AsyncGenerator<Uint8Array> {}

  /** Lets go: the instances go on answering. */
  async close(): Promise<void> {}

  /** Ends all instances, and removes the folder. */
  async dispose(): Promise<void> {
    await Promise.all([...this.instances.keys()].map((name) => this.stop(name)));
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async launch(name: string, running: Running, source: Source): Promise<void> {
    const tree = join(this.directory, name, 'tree');
    mkdirSync(join(this.directory, name), { recursive: true });
    await source.unpackInto(tree);
    await this.held?.until;
    const read = (file: string) =>
      existsSync(join(tree, file)) ? readFileSync(join(tree, file), 'utf8').trim() : undefined;
    const code = read(EXIT_FILE);
    if (code !== undefined) {
      running.observation = { state: 'exited', code: Number(code), reason: `the app ended with exit code ${code}` };
      return;
    }
    const answer = read(ANSWER_FILE) ?? name;
    const server = createServer((_request, response) => response.end(answer));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    running.server = server;
    running.observation = {
      state: 'running',
      endpoint: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    };
  }
}
