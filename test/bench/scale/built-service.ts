import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SQLITE_PACKAGE } from '../../../src/store/sqlite.ts';
import { until } from '../../support/poll.ts';

const DATABASE_TIME = new URL(`./database-time.mjs?${SQLITE_PACKAGE}`, import.meta.url).href;
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What `npm start` gives Node. */
const FLAGS: readonly string[] = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } }
).scripts.start
  .split(' ')
  .filter((word) => word.startsWith('--'));

/** The service as a process of its own. */
export class BuiltService {
  private readonly child: ChildProcess;
  private said = '';
  private asked = 0;

  private constructor(main: string, env: Readonly<Record<string, string>>) {
    // Its log is read, so that the pipe never fills.
    this.child = spawn(process.execPath, [...FLAGS, '--import', DATABASE_TIME, main, 'serve'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.said = (this.said + chunk.toString()).slice(-4_000);
      });
  }

  /** Starts it, and waits until it is ready; `readyMs` from the start of the process. */
  static async start(
    main: string,
    env: Readonly<Record<string, string>>,
  ): Promise<{ service: BuiltService; readyMs: number }> {
    const began = performance.now();
    const service = new BuiltService(main, env);
    for (;;) {
      const ready = await fetch(`${env.BD_PUBLIC_URL}readyz`).catch(() => undefined);
      await ready?.arrayBuffer();
      if (ready?.status === 200) return { service, readyMs: performance.now() - began };
      if (service.child.exitCode !== null) throw new Error(`the service ended: ${service.said}`);
      if (performance.now() - began > 60_000) throw new Error(`the service is not ready: ${service.said}`);
      await new Promise((done) => setTimeout(done, 5));
    }
  }

  /** CPU time that it has used, in ms: user and system, in ticks of 10 ms (proc(5), getconf CLK_TCK). */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** How much of it the database has used, in ms. */
  async databaseCpuMs(): Promise<number> {
    this.asked += 1;
    this.child.kill('SIGUSR2');
    const wanted = new RegExp(`^database-cpu ${this.asked} ([\\d.]+)$`, 'm');
    const match = await until('the time of the database', () => wanted.exec(this.said) ?? undefined);
    return Number(match[1]);
  }

  /** The most memory that it has had so far, in MB. */
  peakMb(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
  }
}
