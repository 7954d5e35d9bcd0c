import { execFileSync } from 'node:child_process';
import { lstat, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Launch } from '../../src/deployment/launch.ts';
import { createProcessRuntime } from '../../src/runtimes/process.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, printed, readableLog, sourceOf, stepOf, until, untilState } from './apps.ts';
import { testRuntime } from './contract.ts';
import { processesNaming } from './process-facts.ts';
import { type ProcessWorld, processWorld } from './process-world.ts';

const isRoot = process.getuid?.() === 0;
const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };
const next = { name: 'mr-7-shop-r2', deployment: 'mr-7-shop' };

it('refuses to switch the user where the service may not', () => {
  const make = (): Runtime =>
    createProcessRuntime({ dataDir: '/nowhere', user: { uid: 64_000, gid: 64_000 }, passEnv: {} });
  if (isRoot) expect(make).not.toThrow();
  else expect(make).toThrow('instances cannot run as user 64000: only root may switch');
});

// Only root can switch the user: elsewhere there is nothing to see.
describe.runIf(isRoot)('instances with a user of their own', () => {
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  const user = isRoot ? { uid: id('-u'), gid: id('-g') } : { uid: 0, gid: 0 };

  testRuntime('process', () => processWorld({ user }));

  let world: ProcessWorld;
  let runtime: Runtime;
  beforeEach(async () => {
    world = await processWorld({ user, spareAfterMs: 200 });
    runtime = world.runtime;
  });
  afterEach(() => world.dispose());

  const path = (...parts: string[]): string => join(world.dataDir, ...parts);

  it('take a copy that was made ahead of time', async () => {
    const key = 'c'.repeat(64);
    const launch = launchOf((place) => ({
      steps: [
        {
          ...stepOf(place, 'setup', 'mkdir -p apps/node_modules; echo good > apps/node_modules/x'),
          keep: { key, outputs: [join(place.tree, 'apps/node_modules')] },
        },
      ],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    await ask(runtime, ref.name);
    const spare = path('shared', 'setups', `.spare-${key}`, '0', 'x');
    const { ino } = await until(() => stat(spare).catch(() => undefined), 'the spare');
    const log = readableLog();
    await runtime.start(next, launch, sourceOf(), log);
    await ask(runtime, next.name);
    expect(log.text()).toContain('setup: nothing to do, its outputs are copied from an earlier run');
    const taken = await stat(path('instances', next.name, 'tree', 'apps', 'node_modules', 'x'));
    expect([taken.ino, taken.uid]).toEqual([ino, user.uid]);
    expect(await readdir(path('instances', next.name))).not.toContain('spare');
  });

  it('run as that user, in folders that no other user can read', async () => {
    const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'id -u; id -G; touch made')] }));
    const log = readableLog();
    await runtime.start(ref, launch, sourceOf(), log);
    const { uid, groups } = await ask(runtime, ref.name);
    expect([uid, groups]).toEqual([user.uid, [user.gid]]);
    expect(log.text()).toContain(`\n${user.uid}\n${user.gid}\n`);
    const folders = ['tree', 'work', 'home', 'tmp'].map((name) => path('instances', ref.name, name));
    for (const folder of [...folders, path('deployments', ref.deployment)]) {
      const { uid, mode } = await stat(folder);
      expect([folder, uid, mode & 0o777]).toEqual([folder, user.uid, 0o700]);
    }
    for (const file of ['server.js', '.git'])
      expect((await stat(path('instances', ref.name, 'tree', file))).uid).toBe(user.uid);
    const record = await stat(path('instances', ref.name, 'instance.json'));
    expect([record.uid, record.mode & 0o777]).toEqual([0, 0o600]);
    for (const folder of ['instances', 'deployments', 'shared', `instances/${ref.name}`]) {
      const { uid, mode } = await stat(path(folder));
      expect([folder, uid, mode & 0o007]).toEqual([folder, 0, 0]);
    }
  });

  it('cannot change what the service believes in, nor what others share', async () => {
    const launch = launchOf((place) => ({
      steps: [
        {
          ...stepOf(place, 'tools', `id -u > ${place.shared}/tools/by`),
          makesShared: { path: join(place.shared, 'tools') },
        },
        {
          ...stepOf(
            place,
            'setup',
            'mkdir node_modules; echo good > node_modules/x; chmod 777 node_modules; chmod 600 node_modules/x',
          ),
          keep: { key: 'b'.repeat(64), outputs: [join(place.tree, 'node_modules')] },
        },
      ],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    await ask(runtime, ref.name);
    const log = readableLog();
    const kept = path('shared', 'setups', 'b'.repeat(64));
    const attempts = [
      `echo evil > ${kept}/0/x`,
      `touch ${kept}/0/new`,
      `rm -rf ${kept}`,
      `mv ${path('shared', 'setups')} ${path('shared', 'other')}`,
      `touch ${path('shared', 'tools', 'new')}`,
      `mv ${path('shared', 'tools')} ${path('shared', 'other')}`,
      `cat ${path('instances', ref.name, 'instance.json')}`,
      `mv ../tree ../other`,
      `ls ${path('instances')}`,
    ];
    for (const attempt of attempts)
      expect([attempt, await runtime.exec(ref.name, attempt, log)]).not.toEqual([attempt, 0]);
    expect(await runtime.exec(ref.name, `mkdir ${path('shared', 'cache')}`, log)).toBe(0);
    // A kept file that its owner alone could read can be read by the next instance all the same.
    const again = readableLog();
    await runtime.start(next, launch, sourceOf(), again);
    await ask(runtime, next.name);
    expect(again.text()).toContain('setup: nothing to do');
    const copy = path('instances', next.name, 'tree', 'node_modules', 'x');
    expect([await readFile(copy, 'utf8'), (await stat(copy)).uid]).toEqual(['good\n', user.uid]);
    expect(await readFile(path('shared', 'tools', 'by'), 'utf8')).toBe(`${user.uid}\n`);
  });

  it('cannot lead the service astray by links', async () => {
    const plant = launchOf((place) => ({
      steps: [
        stepOf(
          place,
          'plant',
          `ln -s ${path('deployments')} ${place.shared}/envs; ln -s /etc/bd-test ${place.data}/home.yaml; ln -s /etc ${place.data}/etc`,
        ),
      ],
    }));
    await runtime.start(ref, plant, sourceOf(), readableLog());
    await ask(runtime, ref.name);
    const reasonOf = async (launch: Launch): Promise<string> => {
      await runtime.start(next, launch, sourceOf(), readableLog());
      return (await untilState(runtime, next.name, 'exited')).reason;
    };
    const shared = launchOf((place) => ({
      steps: [{ ...stepOf(place, 'tools', 'true'), makesShared: { path: join(place.shared, 'envs', ref.deployment) } }],
    }));
    expect(await reasonOf(shared)).toBe(`${path('shared', 'envs')} is not a folder of the service's own`);
    expect(
      await reasonOf(launchOf((place) => ({ files: [{ path: join(place.data, 'etc', 'x'), content: '' }] }))),
    ).toMatch(/denied/);
    const log = readableLog();
    await runtime.start(
      next,
      launchOf((place) => ({ files: [{ path: join(place.data, 'home.yaml'), content: 'mine' }] })),
      sourceOf(),
      log,
    );
    await ask(runtime, next.name);
    expect((await lstat(path('deployments', ref.deployment, 'home.yaml'))).isFile()).toBe(true);
    await expect(stat('/etc/bd-test')).rejects.toThrow();
    await runtime.stop(next.name);
    await runtime.stop(ref.name);
    await runtime.removeData(ref.deployment);
    expect((await stat('/etc')).isDirectory()).toBe(true);
  });

  it('chowns links themselves and not what they point to', async () => {
    const source = sourceOf();
    await runtime.start(
      ref,
      launchOf(),
      {
        async unpackInto(directory) {
          await source.unpackInto(directory);
          await symlink('/etc/hostname', join(directory, 'link'));
        },
      },
      readableLog(),
    );
    await ask(runtime, ref.name);
    expect((await stat('/etc/hostname')).uid).toBe(0);
    expect((await lstat(path('instances', ref.name, 'tree', 'link'))).uid).toBe(user.uid);
  });

  it('print through /dev/stdout, and are stopped as any other', async () => {
    const app = `require('node:fs').writeFileSync('/dev/stdout', 'through the device\\n'); setInterval(() => {}, 1000);`;
    await runtime.start(ref, launchOf(), sourceOf({ 'server.js': app }), readableLog());
    await untilState(runtime, ref.name, 'running');
    await until(async () => (await printed(runtime, ref.name)).includes('through the device'), 'what it prints');
    await runtime.stop(ref.name);
    expect(processesNaming(world.dataDir)).toEqual([]);
  });
});
