import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from './poll.ts';
import { recordOutput } from './secret-search/output.ts';
import { surroundings } from './surroundings.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The service as people run it: what `npm run build` makes, in a folder of its own. It starts in a fraction of the time that it takes from
 * source. `main` is the absolute path of its main program.
 */
export async function buildService(
  folder = mkdtempSync(join(tmpdir(), 'bd-built-')),
): Promise<{ readonly main: string; dispose(): void }> {
  const outdir = join(folder, 'dist');
  await promisify(execFile)('npm', ['run', '--silent', 'build', '--', `--outdir=${outdir}`], { cwd: ROOT });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const name of ['node_modules', 'drizzle']) symlinkSync(join(ROOT, name), join(folder, name));
  return {
    main: join(outdir, 'main.js'),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** `branch-deployments serve` as a process of its own, which can be killed and started again. */
export class ServiceProcess {
  /** All that it has logged. */
  readonly logLines: string[] = [];
  private readonly main: string;
  private readonly env: Readonly<Record<string, string>>;
  private child: ChildProcess | undefined;

  /** @param options.main path of the built `main.js`; @param options.env settings (`BD_…`) */
  constructor(options: { readonly main: string; readonly env: Readonly<Record<string, string>> }) {
    this.main = options.main;
    this.env = options.env;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves when it answers; rejects where it ends instead. */
  async start(): Promise<void> {
    const child = this.spawn();
    await until(
      () => `the service to start: ${this.logLines.slice(-5).join('')}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`the service ended: ${this.logLines.slice(-5).join('')}`);
        const answer = await fetch(`http://${this.env.BD_LISTEN}/healthz`).catch(() => undefined);
        return answer?.ok;
      },
    );
  }

  /** Starts it, and does not wait until it answers. */
  spawn(): ChildProcess {
    const child = spawn(process.execPath, [this.main, 'serve'], {
      env: { ...surroundings(), ...this.env } as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.logLines.push(text);
        recordOutput('log', text);
      });
    return child;
  }

  /** Sends a signal, and waits for the end. Returns how long that took, and the exit code (null where a signal ended it). */
  async end(signal: NodeJS.Signals): Promise<{ readonly ms: number; readonly code: number | null }> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) throw new Error('the service is not running');
    const ended = once(child, 'exit');
    const from = performance.now();
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    this.child = undefined;
    return { ms: performance.now() - from, code };
  }

  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }
}
