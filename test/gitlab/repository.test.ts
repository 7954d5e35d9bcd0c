import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { createCommitTrees } from '../../src/store/bundles/commit-trees.ts';
import { withGitLab } from '../gitlab-stand-in/with-gitlab.ts';
import { runGit } from '../support/gitlab/git/git.ts';
import { connect, failureOf } from './connect.ts';
import { type Script, startScripted } from './scripted-gitlab.ts';

const folder = mkdtempSync(join(tmpdir(), 'bd-commits-'));
const limits = { archiveBytes: 1_000_000, unpackedBytes: 4_000_000, entries: 1_000 };
const trees = createCommitTrees({ directory: join(folder, 'trees'), limits });
const left = () => readdirSync(join(folder, 'trees'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a project's repository", () => {
  it('tells the merge base of a commit and a branch that went on, and null where they share nothing', () =>
    withGitLab(async ({ gitlab, project, ada, mergeRequest }) => {
      const client = connect(gitlab.localUrl, { token: 'secret-of-the-bot' });
      const before = await client.branchHead(project.id, 'main');
      const { sha } = await gitlab.push(project, 'main', { files: { 'more.py': '3\n' }, author: ada });
      const { stdout: tree } = await runGit(project.repository, ['rev-parse', 'main^{tree}']);
      const author = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
      const orphan = await runGit(project.repository, [...author, 'commit-tree', '-m', 'Alone', tree.trim()]);

      expect(await client.mergeBase(project.id, mergeRequest.sha, 'main')).toEqual(before);
      expect((await client.branchHead(project.id, 'main'))?.sha).toBe(sha);
      expect(await client.mergeBase(project.id, orphan.stdout.trim(), 'main')).toBeNull();
      expect(await client.branchHead(project.id, 'gone')).toBeNull();
      expect(gitlab.violations).toEqual([]);
    }));

  it("hands over a commit's files, which are unpacked without their top folder", () =>
    withGitLab(async ({ gitlab, project, ada }) => {
      const client = connect(gitlab.localUrl, { token: 'secret-of-the-bot' });
      const files = { 'src/run me.sh': { content: '#!/bin/sh\n', mode: '100755' as const }, 'app.py': 'print(3)\n' };
      const { sha } = await gitlab.push(project, 'main', { files, author: ada });

      const tree = await trees.unpack(client.archive(project.id, sha));
      expect(left()).toHaveLength(1);
      await tree.unpackInto(join(folder, 'taken'));

      expect(readdirSync(join(folder, 'taken')).sort()).toEqual(['app.py', 'src']);
      expect(readFileSync(join(folder, 'taken/app.py'), 'utf8')).toBe('print(3)\n');
      expect(left()).toEqual([]);
    }));

  it('says what is missing where there is no such commit, and leaves nothing on disk', () =>
    withGitLab(async ({ gitlab, project }) => {
      const client = connect(gitlab.localUrl, { token: 'secret-of-the-bot' });

      const failure = await failureOf(trees.unpack(client.archive(project.id, 'f'.repeat(40))));

      expect(failure).toMatchObject({ name: 'GitLabError', failure: 'not-found', status: 404 });
      expect(left()).toEqual([]);
    }));
});

const replies: ReadonlyArray<{ given: string; script: Script; failure: object }> = [
  { given: 'a sign-in page', script: () => ({ text: '<html>' }), failure: { failure: 'invalid' } },
  {
    given: 'a limit',
    script: () => ({ status: 429, text: 'Retry later', headers: { 'retry-after': '60' } }),
    failure: { failure: 'rate-limited', retryAfterMs: 60_000 },
  },
  {
    given: 'cut off',
    script: () => (response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '1000' });
      response.write(Buffer.from([0x1f, 0x8b]), () => response.destroy());
    },
    failure: { failure: 'unreachable' },
  },
];

test.each(replies)('an archive that is $given is a failure of GitLab, and nothing stays on disk', async (one) => {
  const server = await startScripted(one.script);

  const failure = await failureOf(trees.unpack(connect(server.url).archive(1, 'f'.repeat(40))));

  expect(failure).toMatchObject({ name: 'GitLabError', ...one.failure });
  expect(left()).toEqual([]);
});

it('an archive above the limit of uploads is refused while it streams', () =>
  withGitLab(async ({ gitlab, project }) => {
    const client = connect(gitlab.localUrl, { token: 'secret-of-the-bot' });
    const small = createCommitTrees({ directory: join(folder, 'trees'), limits: { ...limits, archiveBytes: 50 } });

    const failure = await failureOf(small.unpack(client.archive(project.id, 'main')));

    expect(failure).toMatchObject({ type: 'archive-too-large', status: 413 });
    expect(left()).toEqual([]);
  }));
