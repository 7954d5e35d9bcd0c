import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts programs side by side, asks until they answer, and ends them; ms from the start to the first good answer. */
export async function timeStart(programs: readonly Program[], isUp: () => Promise<boolean>): Promise<number> {
  const began = performance.now();
  const children: ChildProcess[] = programs.map(({ argv: [program, ...args], cwd, env }) =>
    spawn(program, args, {
      cwd,
      env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
      stdio: 'ignore',
      detached: true,
    }),
  );
  try {
    while (!(await isUp().catch(() => false))) {
      if (performance.now() - began > 120_000) throw new Error('the app did not start by hand within two minutes');
      await new Promise((done) => setTimeout(done, 10));
    }
    return performance.now() - began;
  } finally {
    await Promise.all(children.map(end));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const gone = new Promise((done) => child.once('exit', done));
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}

/** Packs a folder as the component does. */
export async function pack(folder: string, exclude: readonly string[] = []): Promise<Buffer> {
  const { stdout } = await run('tar', ['-czf', '-', ...exclude.map((pattern) => `--exclude=${pattern}`), './.'], {
    cwd: folder,
    encoding: 'buffer',
    maxBuffer: 1024 ** 3,
  });
  return stdout;
}
