import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MARK } from './output.ts';
import { findLeaks } from './search.ts';

const VALUE = 'glpat-Xk3 v+9/ÄwZ7mQ2rB5nYs';
const SECRETS = [
  { name: 'the token', value: VALUE },
  ...Array.from({ length: 2_000 }, (_, index) => ({ name: 'another', value: `other-secret-number-${index}-of-many` })),
];
const found = (text: string) =>
  findLeaks(`\n${MARK}test/a.test.ts, log\n${text}\n`, SECRETS).map(({ secret }) => secret);

describe('a secret is found in the output', () => {
  it.each([
    ['URL-encoded', encodeURIComponent(VALUE)],
    ['in base64', Buffer.from(VALUE).toString('base64')],
    ['in base64 after something else', Buffer.from(`u:${VALUE}`).toString('base64')],
    ['in base64 between other things', Buffer.from(`{"a":"${VALUE}"}`).toString('base64url')],
  ])('%s', (_how, text) => {
    expect(found(`before ${text} after`)).toEqual(['the token']);
    expect(found(`{"header":"x-${text}-y"}`)).toEqual(['the token']);
  });

  it('as it is, whole or with its beginning or end cut off', () => {
    const secrets = [{ name: 'a token', value: 'glpat-Vx5Lk2sT8nRz7cYb4DqW' }];
    for (const text of ['glpat-Vx5Lk2sT8nRz7cYb4DqW', 'glpat-Vx5Lk2sT8n…', 'https://…Lk2sT8nRz7cYb4DqW@host'])
      expect(findLeaks(text, secrets).map(({ secret }) => secret)).toEqual(['a token']);
  });

  it('with the place, and without the secret itself', () => {
    const value = 'glpat-Vx5Lk2sT8nRz7cYb4DqW';
    const text = `\n${MARK}a.test.ts, log\nfine\n\n${MARK}b.test.ts, printed\nfine\n${value}: https://bot:${value}@gitlab\n`;
    const leaks = findLeaks(text, [{ name: 'BD_GITLAB_TOKEN', value }]);
    expect(leaks).toEqual([
      { secret: 'BD_GITLAB_TOKEN', where: 'b.test.ts, printed', line: '█████: https://bot:█████@gitlab' },
    ]);
  });
});

it('nothing is found where nothing leaked', () => {
  expect(
    found(`other-secrets ${'glpat-Xk3'.repeat(3)} ${'A'.repeat(500)} ${Buffer.from('glpat').toString('base64')}`),
  ).toEqual([]);
});

it('a run whose tests all pass fails where a secret shows in an answer or in what was printed', async () => {
  const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
  const config = fileURLToPath(new URL('../../fixtures/leaky/vitest.config.ts', import.meta.url));
  const run = promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], { timeout: 55_000 });

  const ended = await run.catch((error: { code: number; stdout: string; stderr: string }) => error);

  expect(ended).toMatchObject({ code: 1 });
  expect(ended.stdout).toContain('2 passed');
  expect(ended.stdout).toContain('for 3 secrets: 2 found');
  expect(ended.stderr).toContain('the answered one in test/fixtures/leaky/leaky.fixture.ts, answer to GET /debug');
  expect(ended.stderr).toContain('the printed one in test/fixtures/leaky/leaky.fixture.ts, printed');
  expect(ended.stderr).not.toContain('the kept one');
});
