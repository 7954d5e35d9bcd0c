import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { type Entry, makeArchive } from '../store/bundles/archives.ts';
import { entriesIn } from '../support/entries-in.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { openWorld, type World } from '../support/world.ts';

// Each refusal with its text: test/scenarios/bad-archive.test.ts; every kind of entry: test/store/bundles/refusals.test.ts.

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;
let outside: string;
let branches = 0;
const APP: Entry[] = [{ path: '.branch-deployment.yml', content: 'start: x\n' }];

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
  door = new CiDoor(t);
  outside = mkdtempSync(join(tmpdir(), 'bd-outside-'));
  mkdirSync(join(outside, 'folder'));
  writeFileSync(join(outside, 'file'), 'mine');
});
afterAll(async () => {
  await t.close();
  rmSync(outside, { recursive: true, force: true });
});

describe('archive traversal (Dokploy symlink-entry.zip): nothing outside is written, read or linked, and nothing is left', () => {
  const at = (path: string) => join(outside, path);
  const written = () => entriesIn(t.dataDir).filter((name) => name.includes('evil'));
  it.each<[string, () => Entry[]]>([
    [
      'a link to a folder outside, and a file through it',
      () => [
        { path: 'a', type: 'SymbolicLink', linkpath: outside },
        { path: 'a/file', content: 'theirs' },
      ],
    ],
    [
      'a link up, and a file through it',
      () => [
        { path: 'a', type: 'SymbolicLink', linkpath: '../../..' },
        { path: 'a/evil', content: 'theirs' },
      ],
    ],
    [
      'a chain of links that each seem to stay',
      () => [
        { path: 'd/x', content: '' },
        { path: 'b', type: 'SymbolicLink', linkpath: 'd' },
        { path: 'b/c', type: 'SymbolicLink', linkpath: '../..' },
        { path: 'b/c/evil', content: 'theirs' },
      ],
    ],
    [
      'a link that a folder replaces, or the other way round',
      () => [
        { path: 'a', type: 'Directory' },
        { path: 'a', type: 'SymbolicLink', linkpath: outside },
        { path: 'a/file', content: 'theirs' },
      ],
    ],
    ['a hard link to a file outside', () => [{ path: 'a', type: 'Link', linkpath: at('file') }]],
    ['a hard link up', () => [{ path: 'a', type: 'Link', linkpath: '../../../database.sqlite' }]],
    [
      'a hard link through a link',
      () => [
        { path: 's', type: 'SymbolicLink', linkpath: outside },
        { path: 'a', type: 'Link', linkpath: 's/file' },
      ],
    ],
    [
      'a file over a link to a file',
      () => [
        { path: 'a', type: 'SymbolicLink', linkpath: at('file') },
        { path: 'a', content: 'theirs' },
      ],
    ],
    ['an absolute path', () => [{ path: at('evil'), content: 'theirs' }]],
    ['a path with dots', () => [{ path: `x/../../../../../../../..${at('evil')}`, content: 'theirs' }]],
    [
      'a path with back slashes and dots',
      () => [
        { path: '..\\..\\evil', content: 'theirs' },
        { path: '../evil', content: 'theirs' },
      ],
    ],
    [
      'the app file as a link outside',
      () => [{ path: '.branch-deployment.yml', type: 'SymbolicLink', linkpath: at('file') }],
    ],
    ['.env as a link outside', () => [{ path: '.env', type: 'SymbolicLink', linkpath: at('file') }]],
    ['a pipe', () => [{ path: 'pipe', type: 'FIFO' }]],
  ])('%s', async (_what, entries) => {
    const mr = await t.openMergeRequest(`branch-${++branches}`, { 'README.md': `${branches}` });
    const token = await door.token(door.job(door.pipeline(mr)));
    await door.deploy(token, mr.iid);
    const answer = await door.upload(token, makeArchive([...APP, ...entries()]));
    expect(answer.status).toBe(422);
    expect(answer.text).not.toContain('mine');
    expect(readdirSync(outside, { recursive: true }).sort()).toEqual(['file', 'folder']);
    expect(readFileSync(at('file'), 'utf8')).toBe('mine');
    expect(written()).toEqual([]);
    expect(t.bundles()).toEqual([]);
    expect(readdirSync(join(t.dataDir, 'bundles', 'trees'))).toEqual([]);
    expect(runtime.starts).toBe(0);
  });
});
