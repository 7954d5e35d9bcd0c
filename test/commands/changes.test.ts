import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChanges } from '../../src/commands/changes.ts';
import { linkedEnvironment } from '../support/linked-environment.ts';
import { buildService } from '../support/service-process.ts';
import { dbtEnvironment, surroundings } from '../support/surroundings.ts';
import { writeTree } from '../support/write-tree.ts';
import { BASE, EDITS, LAYOUTS, PLACED } from './compared-projects.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bd-command-')));
const at = (name: string): string => join(folder, name);

let built: Awaited<ReturnType<typeof buildService>>;

/** The command as a process of its own, as people run it. */
function command(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const argv = [built.main, 'changes', ...args];
    execFile(process.execPath, argv, { env: surroundings() as NodeJS.ProcessEnv }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code as number) : 0, stdout, stderr }),
    );
  });
}

/** The command in this process: it starts in no time. */
const changes = (...args: readonly string[]) => runChanges(args, surroundings());

const folders = (base: string, branch: string) => ['--base', at(base), '--branch', at(branch)];

beforeAll(async () => {
  built = await buildService();
  const dagster = dbtEnvironment('uv', at('environment'));
  writeTree(at('base'), BASE);
  writeTree(at('branch'), BASE);
  writeTree(at('branch'), EDITS);
  // As `uv sync` leaves it in the folder that somebody works in.
  linkedEnvironment(at('branch/.venv'), dagster, [at('branch/shop/src')]);
}, 300_000);

afterAll(() => {
  built.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe('the command changes', { timeout: 180_000 }, () => {
  it('tells people what differs between two folders, of which only one has an environment', async () => {
    const { code, stdout, stderr } = await command(...folders('base', 'branch'));

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "1 new asset, 4 changed assets, 1 removed asset, 1 downstream, 1 other definition added or removed.

        shop/added  new
        shop/by_file  source
        shop/by_helper  source
        shop/gone  removed
        shop/made/one  source
        shop/noted  also description
        shop/told  code version, tags
            code version 1 → 2
            tags +b ~team -a

      Downstream of a change, and as they were:
        shop/below  by_helper → below

      Added and removed beside assets:
        added: job shop/nightly

      Packages changed: shop/uv.lock.
      "
    `);
  });

  it('tells programs the same', async () => {
    const { code, stdout } = await changes(
      ...folders('base', 'branch'),
      '--json',
      '--python',
      at('branch/.venv/bin/python'),
    );

    expect(code).toBe(0);
    const { assets, downstream, named, locks } = JSON.parse(stdout);
    expect(
      Object.fromEntries(Object.entries(assets).map(([name, one]) => [name, (one as { reasons: string[] }).reasons])),
    ).toEqual({
      'shop/by_file': ['SOURCE'],
      'shop/by_helper': ['SOURCE'],
      'shop/gone': ['REMOVED'],
      'shop/made/one': ['SOURCE'],
      'shop/noted': [],
      'shop/told': ['CODE_VERSION', 'TAGS'],
      'shop/added': ['NEW'],
    });
    expect(assets['shop/noted'].also).toEqual(['description']);
    expect(assets['shop/told'].details).toEqual({
      codeVersion: { old: '1', new: '2' },
      tags: { added: ['b'], changed: ['team'], removed: ['a'] },
    });
    expect(downstream).toEqual({ 'shop/below': { path: ['by_helper', 'below'] } });
    expect(named).toEqual([{ kind: 'job', location: 'shop', name: 'nightly', change: 'added' }]);
    expect(locks).toEqual(['shop/uv.lock']);
  });

  it('reads locations where their code servers start, and from where these import', async () => {
    for (const [name, layout] of Object.entries(LAYOUTS)) {
      const [base, branch] = [`${name}-base`, `${name}-branch`];
      for (const side of [base, branch]) writeTree(at(side), { ...PLACED, ...layout });
      // One is named as seen from the folder that the code starts in, one is imported from another folder.
      writeTree(at(branch), {
        'texts/a.sql': 'select 2\n',
        'team/code/tools.py': 'def run(text): return text + "2"\n',
      });

      const python = at('branch/.venv/bin/python');
      const { stdout, stderr } = await changes(...folders(base, branch), '--json', '--python', python);

      expect({ name, stderr }).toEqual({ name, stderr: '' });
      expect(Object.keys(JSON.parse(stdout).assets)).toEqual(['team/a', 'team/b']);
    }
  });

  it("compares as the branch's app file says", async () => {
    const sides = { before: '1', after: '2' };
    for (const [name, rows] of Object.entries(sides)) {
      const options =
        name === 'after' ? 'changes: { rename_locations: { before: after }, ignore_metadata: [rows] }\n' : '';
      writeTree(at(name), {
        '.branch-deployment.yml': `locations:\n  - { name: ${name}, file: defs.py }\n${options}`,
        'defs.py': `import dagster as dg\n@dg.asset(metadata={"rows": ${rows}}, tags={"n": "${rows}"})\ndef a(): return 1\n`,
      });
    }

    const { stdout } = await changes(
      ...folders('before', 'after'),
      '--json',
      '--python',
      at('branch/.venv/bin/python'),
    );

    const { assets } = JSON.parse(stdout);
    expect(Object.keys(assets)).toEqual(['after/a']);
    expect(assets['after/a'].reasons).toEqual(['TAGS']);
  });

  it('tells where what it read lies in neither folder', async () => {
    const file = 'locations:\n  - { name: shop, module: shop.definitions }\n';
    for (const side of ['here', 'there']) writeTree(at(side), { '.branch-deployment.yml': file });

    const { code, stdout } = await changes(...folders('here', 'there'), '--python', at('branch/.venv/bin/python'));

    expect(code).toBe(0);
    expect(stdout).toContain('Nothing changed.');
    expect(stdout).toContain(`shop.definitions: it lies outside of the project (${at('branch/shop/src/shop')}`);
  });

  it('says which side does not load, and why', async () => {
    cpSync(at('base'), at('broken'), { recursive: true });
    writeTree(at('broken'), { 'shop/src/shop/definitions.py': 'import no_such_package\n' });

    const { code, stdout, stderr } = await changes(...folders('broken', 'branch'));

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('base: location shop does not load: ');
    expect(stderr).toContain("No module named 'no_such_package'");
    expect(stderr).not.toContain('branch: location');
  });

  it('says what a folder lacks that cannot be compared', async () => {
    mkdirSync(at('empty'));
    writeTree(at('web'), { '.branch-deployment.yml': 'start: node server.js\n' });
    cpSync(at('base'), at('bare'), { recursive: true });

    const empty = await changes(...folders('empty', 'web'));
    const bare = await changes(...folders('bare', 'base'));

    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain('base: ');
    expect(empty.stderr).toContain(`branch: ${at('web')} is no Dagster project: its app file has the preset command.`);
    expect(bare.code).toBe(1);
    expect(bare.stderr).toContain(
      `base: location shop: there is no .venv/bin/python in ${at('bare')} or ${at('base')}`,
    );
    expect(bare.stderr).toContain('--python <interpreter>');
  });

  it('refuses a wrong call, and says how it is called', async () => {
    const calls: ReadonlyArray<readonly [readonly string[], string]> = [
      [[], 'Both --base <folder> and --branch <folder> are needed.'],
      [['--base', at('base')], 'Both --base <folder> and --branch <folder> are needed.'],
      [['--base', at('base'), '--branch', at('none')], `--branch: there is no folder "${at('none')}".`],
      [['--base', at('base'), '--branch', at('branch'), '--yaml'], "Unknown option '--yaml'"],
      [['--base', at('base'), '--branch', at('branch'), '--python', 'python0'], 'no interpreter "python0"'],
      [['--base', at('base'), '--branch', at('branch'), 'third'], "Unexpected argument 'third'"],
    ];

    for (const [args, message] of calls) {
      const { code, stdout, stderr } = await changes(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
      expect(stderr).toContain(message);
    }
    expect(await command('--base')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--base') });
    expect(await changes('--help')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('--base <folder>'),
    });
  });
});
