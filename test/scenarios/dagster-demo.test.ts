import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { findUv } from '../apps/dagster/uv.ts';

const MAIN = fileURLToPath(new URL('../demo/main.ts', import.meta.url));
const LONG = 900_000;
const uv = findUv();

it.skipIf(uv === undefined)(
  'the demo plays its whole story with the shipped example, whose run succeeds (skipped where uv is not installed)',
  { timeout: LONG },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bd-demo-dagster-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = uv?.includes('/') ? [dirname(uv)] : [];
    const env = { ...process.env, TMPDIR: folder, PATH: [...path, process.env.PATH].join(delimiter) };

    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', MAIN, '--once', '--app', 'dagster'],
      { timeout: LONG - 30_000, env, maxBuffer: 16 * 1024 * 1024 },
    );

    expect(stdout.match(/^✓ .*/gm)).toHaveLength(4);
    expect(stdout).toMatch(
      /^ +the job load_orders ran for 2026-01-02 and ended with SUCCESS: http:\/\/mr-1-\S+\/runs\/[0-9a-f-]{36}$/m,
    );
    expect(stdout).toContain('The whole story holds.');
    expect(readdirSync(folder).filter((name) => !name.startsWith('tsx-'))).toEqual([]);
  },
);
