import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from './support/poll.ts';

const MAIN = fileURLToPath(new URL('./demo/main.ts', import.meta.url));
/** All that the demo may need of a machine, beside Node: what every system has, curl, tar and git. */
const PROGRAMS =
  'sh git tar curl gzip sed tee mkfifo mktemp cat cp mv rm ls mkdir head tail wc tr cut sort env id stat touch date sleep kill chmod ln rmdir dirname basename uname expr od grep awk ps';

let folder: string;
let env: Record<string, string>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-demo-test-'));
  const bin = join(folder, 'bin');
  for (const path of [bin, join(folder, 'home'), join(folder, 'tmp')]) mkdirSync(path);
  for (const name of PROGRAMS.split(' ')) {
    const found = findProgram(name);
    if (found) symlinkSync(found, join(bin, name));
  }
  symlinkSync(process.execPath, join(bin, 'node'));
  env = { PATH: bin, HOME: join(folder, 'home'), TMPDIR: join(folder, 'tmp') };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function findProgram(name: string): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter).map((path) => join(path, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const demo = (args: readonly string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', MAIN, ...args], { timeout: 120_000, env });

/** Folders that the demo wrote, and processes that work in one of them. */
function leftBehind(): string[] {
  const folders = readdirSync(join(folder, 'tmp')).filter((name) => !name.startsWith('tsx-'));
  return [...folders, ...processesIn(folder)];
}

/** Known where the system has `/proc`. */
function processesIn(path: string): string[] {
  return listOrNone('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        return cwd.startsWith(path) ? [`process ${pid} in ${cwd}`] : [];
      } catch {
        return [];
      }
    });
}

function listOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

describe('the demo', () => {
  it('plays its whole story once with little more than Node and git, and leaves nothing behind', {
    timeout: 150_000,
  }, async () => {
    const { stdout } = await demo(['--once', '--app', 'command']);

    expect(stdout.match(/^✓ .*/gm)).toHaveLength(4);
    expect(stdout).toContain('The whole story holds.');
    expect(leftBehind()).toEqual([]);
  });

  it.each(['App: ', 'Opening a merge request', 'It stays up'])(
    'leaves nothing behind when it is ended after "%s"',
    {
      timeout: 150_000,
    },
    async (text) => {
      const child = spawn(process.execPath, ['--import', 'tsx', MAIN, '--app', 'command'], { env });
      try {
        const output = outputOf(child);
        await until(text, () => output().includes(text) || child.exitCode !== null, 100_000);
        expect(child.exitCode, output()).toBe(null);
        child.kill('SIGTERM');
        await until('the end', () => child.exitCode !== null || child.signalCode !== null, 40_000);

        expect(child.exitCode, output()).toBe(0);
        expect(leftBehind()).toEqual([]);
      } finally {
        child.kill('SIGKILL');
      }
    },
  );

  it('says what its options are where one is wrong', async () => {
    await expect(demo(['--app', 'rails'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--app is command or dagster, not "rails"'),
    });
  });
});

function outputOf(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  return () => text;
}
