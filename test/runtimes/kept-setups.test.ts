import { mkdir, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Launch } from '../../src/deployment/launch.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, readableLog, sourceOf, stepOf, until, untilState } from './apps.ts';
import { type ProcessWorld, processWorld } from './process-world.ts';

const key = '0123456789abcdef'.repeat(4);
const one = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };
const two = { name: 'mr-8-shop-r1', deployment: 'mr-8-shop' };

describe('kept setups and shared folders of the process runtime', () => {
  let world: ProcessWorld;
  let runtime: Runtime;
  beforeEach(async () => {
    world = await processWorld({ spareAfterMs: 200 });
    runtime = world.runtime;
  });
  afterEach(() => world.dispose());

  const kept = (...parts: string[]): string => join(world.dataDir, 'shared', 'setups', ...parts);
  const tree = (name: string, ...parts: string[]): string => join(world.dataDir, 'instances', name, 'tree', ...parts);

  const isThere = (path: string): Promise<boolean> =>
    stat(path).then(
      () => true,
      () => false,
    );

  function launchKeeping(
    command: string,
    outputs: string[] = ['node_modules'],
    more: { finish?: string } = {},
  ): Launch {
    return launchOf((place) => ({
      steps: [
        {
          ...stepOf(place, 'setup', command),
          keep: { key, outputs: outputs.map((path) => join(place.tree, path)), ...more },
        },
      ],
    }));
  }

  it('copies, so that a branch that edits its modules changes no other', async () => {
    const launch = launchKeeping(
      'mkdir node_modules && echo good > node_modules/x && ln -s x node_modules/link && ln node_modules/x node_modules/y',
    );
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    await writeFile(tree(one.name, 'node_modules', 'x'), 'evil');
    await runtime.start(two, launch, sourceOf(), readableLog());
    await ask(runtime, two.name);
    await writeFile(tree(two.name, 'node_modules', 'x'), 'evil');
    expect(await readFile(kept(key, '0', 'x'), 'utf8')).toBe('good\n');
    const inodes = [tree(one.name, 'node_modules', 'x'), tree(two.name, 'node_modules', 'x'), kept(key, '0', 'x')];
    const numbers = await Promise.all(inodes.map(async (path) => (await stat(path)).ino));
    expect(new Set(numbers).size).toBe(3);
    expect(await readdir(tree(two.name, 'node_modules'))).toEqual(['link', 'x', 'y']);
  });

  it('puts kept outputs in the place of what the source has there', async () => {
    const launch = launchKeeping('rm -rf out && mkdir -p out && echo made > out/new', ['out']);
    const source = sourceOf({ 'server.js': 'setInterval(() => {}, 1000)', 'out/old': '' });
    for (const ref of [one, two]) {
      await runtime.start(ref, launch, source, readableLog());
      await untilState(runtime, ref.name, 'running');
    }
    expect(await readdir(tree(two.name, 'out'))).toEqual(['new']);
  });

  it('does not keep a setup that failed or made nothing, and says what is missing', async () => {
    await runtime.start(one, launchKeeping('mkdir node_modules; exit 1'), sourceOf(), readableLog());
    await untilState(runtime, one.name, 'exited');
    const log = readableLog();
    await runtime.start(one, launchKeeping('true'), sourceOf(), log);
    await ask(runtime, one.name);
    expect(log.text()).toContain('setup: its outputs could not be kept for the next time: it made none of them');
    expect(await readdir(kept())).toEqual([]);
    const partly = readableLog();
    await runtime.start(two, launchKeeping('mkdir node_modules', ['node_modules', '.venv']), sourceOf(), partly);
    await ask(runtime, two.name);
    expect(partly.text()).toContain('setup: made no .venv, so that is not kept');
  });

  it('keeps one of two setups that run at once', async () => {
    const launch = launchKeeping('mkdir node_modules; echo module > node_modules/x; sleep 0.3');
    await Promise.all([one, two].map((ref) => runtime.start(ref, launch, sourceOf(), readableLog())));
    await Promise.all([one, two].map((ref) => ask(runtime, ref.name)));
    await until(() => isThere(kept(`.spare-${key}`)), 'the spare');
    expect((await readdir(kept())).sort()).toEqual([`.spare-${key}`, key]);
    expect(await readFile(kept(key, '0', 'x'), 'utf8')).toBe('module\n');
  });

  it('gives what it keeps its finish beside the start, and has it for the next one', async () => {
    const finish = 'while [ ! -e "$1/../../../../go" ]; do sleep 0.01; done; echo finished > "$1/y"';
    const launch = launchKeeping('mkdir node_modules; echo module > node_modules/x', ['node_modules'], { finish });
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    expect(await isThere(kept(key))).toBe(false);

    await writeFile(join(world.dataDir, 'go'), '');
    await until(() => isThere(kept(key)), 'the kept setup');
    await runtime.start(two, launch, sourceOf(), readableLog());
    await ask(runtime, two.name);
    expect(await readdir(tree(one.name, 'node_modules'))).toEqual(['x']);
    expect(await readdir(tree(two.name, 'node_modules'))).toEqual(['x', 'y']);
  });

  it.each(['a start that wants it', 'the end of the service'])('is cut short by %s', async (who) => {
    const finish = 'echo begun > "$1/y"; exec sleep 600';
    const launch = launchKeeping('mkdir node_modules; echo module > node_modules/x', ['node_modules'], { finish });
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    const begun = (name: string): Promise<boolean> => isThere(kept(name, '0', 'y'));
    await until(() => begun(`.unfinished-${one.name}-${key}`), 'the finish');

    if (who === 'the end of the service') runtime = await world.restart();
    const log = readableLog();
    await runtime.start(two, launch, sourceOf(), log);
    await ask(runtime, two.name);
    expect(log.text()).toContain('setup: nothing to do, its outputs are copied from an earlier run');
    expect(await isThere(kept(`.unfinished-${one.name}-${key}`))).toBe(false);
  });

  it('runs setup again where what is kept is damaged, and keeps that', async () => {
    const launch = launchKeeping('mkdir node_modules; echo module > node_modules/x');
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    await until(() => isThere(kept(`.spare-${key}`)), 'the spare');
    for (const path of [kept(key, '0'), kept(`.spare-${key}`, '0')]) await rm(path, { recursive: true });
    const log = readableLog();
    await runtime.start(two, launch, sourceOf(), log);
    await ask(runtime, two.name);
    expect(log.text()).toContain('setup: what an earlier run made could not be copied, so it runs again');
    expect(await readFile(kept(key, '0', 'x'), 'utf8')).toBe('module\n');
  });

  it('runs setup again where the Python of a kept environment is gone from the machine', async () => {
    const python = join(world.dataDir, 'python3.11');
    await writeFile(python, '');
    const launch = launchKeeping(
      `mkdir -p .venv/bin; echo home > .venv/pyvenv.cfg; ln -s "$(ls ${world.dataDir}/python3.*)" .venv/bin/python`,
      ['.venv'],
    );
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    await rename(python, join(world.dataDir, 'python3.12'));
    const log = readableLog();
    await runtime.start(two, launch, sourceOf(), log);
    await ask(runtime, two.name);
    expect(log.text()).toContain('so it runs again: its Python is not there any more');
    expect(await readlink(tree(two.name, '.venv/bin/python'))).toBe(join(world.dataDir, 'python3.12'));
  });

  it('makes a copy ahead of time for the next one, takes it, and makes another', async () => {
    const launch = launchKeeping('mkdir node_modules; echo module > node_modules/x');
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    const spare = kept(`.spare-${key}`, '0', 'x');
    const { ino } = await until(() => stat(spare).catch(() => undefined), 'the spare');
    await runtime.start(two, launch, sourceOf(), readableLog());
    await ask(runtime, two.name);
    expect((await stat(tree(two.name, 'node_modules', 'x'))).ino).toBe(ino);
    const next = await until(() => stat(spare).catch(() => undefined), 'the next spare');
    expect(next.ino).not.toBe(ino);
    expect(await readFile(tree(two.name, 'node_modules', 'x'), 'utf8')).toBe('module\n');
  });

  it('begins a setup that is not kept with what was used last of its kin', async () => {
    const kin = 'e'.repeat(64);
    let revision = 0;
    /** Adds a line to what is there, if anything. */
    async function setUp(letter: string, kinship: { kin?: string }): Promise<{ lines: string; log: string }> {
      const ref = { name: `mr-9-shop-r${++revision}`, deployment: 'mr-9-shop' };
      const command = `mkdir -p node_modules && echo ${letter} >> node_modules/x`;
      const launch = launchOf((place) => {
        const outputs = [join(place.tree, 'node_modules')];
        return {
          steps: [{ ...stepOf(place, 'setup', command), keep: { key: letter.repeat(64), outputs, ...kinship } }],
        };
      });
      const log = readableLog();
      await runtime.start(ref, launch, sourceOf(), log);
      await ask(runtime, ref.name);
      return { lines: await readFile(tree(ref.name, 'node_modules', 'x'), 'utf8'), log: log.text() };
    }
    expect((await setUp('a', { kin })).lines).toBe('a\n');
    expect((await setUp('b', { kin: 'f'.repeat(64) })).lines).toBe('b\n');
    expect((await setUp('c', {})).lines).toBe('c\n');
    const second = await setUp('d', { kin });
    expect(second.lines).toBe('a\nd\n');
    expect(second.log).toContain('setup: begins with the outputs of an earlier run');
    expect(await readFile(kept('a'.repeat(64), '0', 'x'), 'utf8')).toBe('a\n');

    await setUp('a', { kin });
    expect((await setUp('e', { kin })).lines).toBe('a\ne\n');

    // The one that was used last is damaged: it is dropped, and the setup begins with nothing.
    await until(() => isThere(kept(`.spare-${'e'.repeat(64)}`)), 'the spare');
    for (const path of ['', '.spare-']) await rm(kept(`${path}${'e'.repeat(64)}`, '0'), { recursive: true });
    const third = await setUp('1', { kin });
    expect(third.lines).toBe('1\n');
    expect(third.log).toContain('setup: begins with nothing, as the outputs of an earlier run could not be copied');
  });

  it('removes half-made setups of a killed service', async () => {
    await runtime.list();
    await mkdir(kept('.unfinished-mr-1-x'), { recursive: true });
    runtime = await world.restart();
    await runtime.list();
    expect(await readdir(kept())).toEqual([]);
  });

  it('lets a Python environment from another tree load the code of this one', async () => {
    const setup = `mkdir -p .venv/bin .venv/lib/python3.11/site-packages
      echo "home = /usr/bin" > .venv/pyvenv.cfg
      printf '#!%s/.venv/bin/python\\nimport sys\\n' "$PWD" > .venv/bin/tool; chmod 755 .venv/bin/tool
      printf '#!/bin/sh\\n' > .venv/bin/other
      ln -s /usr/bin/env .venv/bin/python
      echo "$PWD/src" > .venv/lib/python3.11/site-packages/_shop.pth`;
    for (const ref of [one, two]) {
      await runtime.start(ref, launchKeeping(setup, ['.venv']), sourceOf(), readableLog());
      await ask(runtime, ref.name);
    }
    const venv = tree(two.name, '.venv');
    expect(await readFile(join(venv, 'bin/tool'), 'utf8')).toBe(`#!${venv}/bin/python\nimport sys\n`);
    expect((await stat(join(venv, 'bin/tool'))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(venv, 'lib/python3.11/site-packages/_shop.pth'), 'utf8')).toBe(
      `${tree(two.name)}/src\n`,
    );
    expect(await readdir(join(venv, 'bin'))).toEqual(['other', 'python', 'tool']);
  });

  it('makes a shared folder anew after a step that failed', async () => {
    const launchMaking = (command: string): Launch =>
      launchOf((place) => {
        const path = join(place.shared, 'dagster', '1.13');
        return { steps: [{ ...stepOf(place, 'tools', `cd ${path} && ${command}`), makesShared: { path } }] };
      });
    await runtime.start(one, launchMaking('touch half && false'), sourceOf(), readableLog());
    expect(await untilState(runtime, one.name, 'exited')).toMatchObject({ reason: 'tools failed with exit code 1' });
    await runtime.start(one, launchMaking('ls -A && touch whole'), sourceOf(), readableLog());
    await ask(runtime, one.name);
    const path = join(world.dataDir, 'shared', 'dagster', '1.13');
    expect(await readdir(path)).toEqual(['.whole', 'whole']);
  });

  it('makes a shared folder beside the steps that do not need it, and before the others', async () => {
    const launch = launchOf((place) => {
      const path = join(place.shared, 'tools');
      const begun = join(place.work, 'begun');
      return {
        steps: [
          {
            ...stepOf(place, 'tools', `until [ -e ${begun} ]; do sleep 0.01; done; echo > ${path}/tool`),
            makesShared: { path },
          },
          { ...stepOf(place, 'setup', `echo > ${begun}`), besideShared: true },
          stepOf(place, 'prepare', `ls ${path}`),
        ],
      };
    });
    const log = readableLog();
    await runtime.start(one, launch, sourceOf(), log);
    await ask(runtime, one.name);
    expect(log.text()).toMatch(/^tool$/m);
  });

  it('lets the next one make a shared folder when the first is stopped', async () => {
    const launch = launchOf((place) => {
      const path = join(place.shared, 'tools');
      const command = `echo making; test ${place.name} = ${two.name} || { touch ${path}/half; exec sleep 600; }`;
      return { steps: [{ ...stepOf(place, 'tools', command), makesShared: { path } }] };
    });
    const log = readableLog();
    await runtime.start(one, launch, sourceOf(), log);
    await until(() => log.text().includes('making'));
    await runtime.start(two, launch, sourceOf(), readableLog());
    await runtime.stop(one.name);
    await ask(runtime, two.name);
    expect(await readdir(join(world.dataDir, 'shared', 'tools'))).toEqual(['.whole']);
  });

  it('removes trees whose folders may not be written', async () => {
    const launch = launchOf((place) => ({
      steps: [stepOf(place, 'setup', 'mkdir -p a/b; touch a/b/c; chmod 500 a/b a')],
    }));
    await runtime.start(one, launch, sourceOf(), readableLog());
    await ask(runtime, one.name);
    await runtime.stop(one.name);
    expect(await readdir(join(world.dataDir, 'instances'))).toEqual([]);
  });
});
