import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeArguments } from '../apps/dagster/probe-arguments.ts';
import { readSnapshot, type Snapshot } from '../changes/snapshot.ts';
import type { DagsterLocation } from '../deployment/app-spec.ts';
import { SHIPPED } from '../shipped-files.ts';

const MAX_OUTPUT = 16 * 1024;

/** What is read, and by what. */
export interface FolderReading {
  readonly location: DagsterLocation;
  /** Absolute path of the folder that is read. */
  readonly tree: string;
  /** The other folder: where the interpreter has it installed, this one is meant. */
  readonly other: string;
  readonly python: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads the definitions of one location of a folder. What its code prints is only told where it ends without an answer. */
export async function probeFolder({ location, tree, other, python, env }: FolderReading): Promise<Snapshot> {
  const folder = await mkdtemp(join(tmpdir(), 'branch-deployments-changes-'));
  const output = join(folder, 'snapshot.json');
  try {
    const argv = [SHIPPED.probe, '--output', output, '--instead', other, ...probeArguments(location, tree)];
    const child = spawn(python, argv, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-MAX_OUTPUT);
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    const text = await readFile(output, 'utf8').catch(() => undefined);
    if (text !== undefined) return readSnapshot(text);
    const reason = `Its Python ended with ${signal ?? `exit code ${code}`} and without an answer`;
    return { version: 1, status: 'failed', reason, stack: said };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
