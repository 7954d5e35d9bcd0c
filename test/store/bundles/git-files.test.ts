import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { gitFiles } from '../../../src/store/bundles/git-files.ts';

it.each(['sha1', 'sha256'] as const)('files have the ids that git gives them (%s)', async (hash) => {
  const folder = mkdtempSync(join(tmpdir(), 'bd-git-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'core.autocrlf=false', ...args], {
      encoding: 'utf8',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    });
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'a', 'b', 'ä "quoted".txt'), 'text\r\nwith line ends\n');
  writeFileSync(join(folder, 'none'), '');
  writeFileSync(join(folder, 'large'), Buffer.alloc(200_000, 7), { mode: 0o755 });
  symlinkSync('a/b', join(folder, 'link'));
  const found = await gitFiles(folder, hash);

  git('init', '--quiet', `--object-format=${hash}`);
  git('add', '.');
  const listed = git('ls-files', '-z', '--stage')
    .split('\0')
    .filter(Boolean)
    .map((line) => /^(\d+) (\w+) \d\t(.*)$/s.exec(line) as unknown as [string, string, string, string])
    .map(([, mode, id, path]) => [path, `${mode === '120000' ? 'link' : 'file'} ${id}`]);
  expect(listed).toHaveLength(4);
  expect([...found].sort()).toEqual(listed.sort());
});
