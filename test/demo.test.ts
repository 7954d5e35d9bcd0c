import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./demo/main.ts', import.meta.url));

function demo(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    timeout: 120_000,
    env: { ...process.env, ...env },
  });
}

describe('the demo', () => {
  it('plays its whole story once, ends with 0, and leaves nothing behind', { timeout: 150_000 }, async () => {
    const TMPDIR = mkdtempSync(join(tmpdir(), 'bd-demo-test-'));
    try {
      const { stdout } = await demo(['--once', '--app', 'command'], { TMPDIR });

      expect(stdout.match(/^✓ .*/gm)).toHaveLength(4);
      expect(stdout).toContain('The whole story holds.');
      expect(readdirSync(TMPDIR).filter((name) => !name.startsWith('tsx-'))).toEqual([]);
    } finally {
      rmSync(TMPDIR, { recursive: true, force: true });
    }
  });

  it('says what its options are where one is wrong', async () => {
    await expect(demo(['--app', 'rails'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--app is command or dagster, not "rails"'),
    });
  });
});
