import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./bench/main.ts', import.meta.url));
const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', MAIN, ...args], { timeout: 570_000 });

describe('the benchmarks', () => {
  it.each([
    ['lifecycle', ['total', 'requests-a-push', 'requests-a-life', 'peak-memory']],
    ['webhook', ['bare', 'service', 'ratio', 'p99-at-half-load']],
    [
      'scale',
      [
        'start-to-ready',
        'sweep-cpu',
        'sweep-database-cpu',
        'healthz-p95',
        'webhook-p95',
        'deployments-p95',
        'preview-p95',
        'memory',
      ],
    ],
    ['changes', ['probe', 'loading', 'probe-ratio', 'comparison-ms', 'differ-ms', 'comparison', 'badges-added']],
    ['dagster', ['cold', 'cold-by-hand', 'cold-ratio', 'memory', 'memory-webserver']],
    ['redeploy', ['node-push', 'node-by-hand', 'node-ratio']],
  ])(
    '%s takes one short round with --quick, and prints each figure with its goal',
    { timeout: 600_000 },
    async (name, figures) => {
      const { stdout } = await run(name, '--quick');

      for (const figure of figures) {
        expect(stdout).toMatch(
          new RegExp(`^bench ${name} ${figure} \\d+(\\.\\d+)?(ms|/s|MB|x)? goal \\S+ (ok|short)$`, 'm'),
        );
      }
    },
  );

  it('are named where the name is unknown', async () => {
    await expect(run('nothing')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('changes, dagster, lifecycle, redeploy, scale, webhook'),
    });
  });
});
