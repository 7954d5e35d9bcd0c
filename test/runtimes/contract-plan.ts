import { expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, printed, readableLog, SERVER, sourceOf, stepOf, untilState } from './apps.ts';

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };
const next = { name: 'mr-7-shop-r2', deployment: 'mr-7-shop' };

/** Cases about what a plan asks for: places, steps, files, shared folders. `current` gives the runtime of the case that runs. */
export function testPlans(current: () => Runtime): void {
  it('runs the steps in order in the tree and reports them to the log', async () => {
    const runtime = current();
    const log = readableLog();
    const launch = launchOf((place) => ({
      steps: [
        { ...stepOf(place, 'setup', 'echo one; echo two >&2; echo "$MODE" > mode'), env: { MODE: 'preview' } },
        stepOf(place, 'prepare', 'cat mode'),
      ],
    }));
    await runtime.start(ref, launch, sourceOf(), log);
    await ask(runtime, ref.name);
    expect(log.text().replaceAll(/\d+\.\d s/g, '<time>')).toBe(
      [
        'setup: echo one; echo two >&2; echo "$MODE" > mode',
        'one',
        'two',
        'setup: done in <time>',
        'prepare: cat mode',
        'preview',
        'prepare: done in <time>',
        '',
      ].join('\n'),
    );
  });

  it('tells that setup failed, and with what', async () => {
    const runtime = current();
    const log = readableLog();
    const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'echo no lock file; exit 3')] }));
    await runtime.start(ref, launch, sourceOf(), log);
    const seen = await untilState(runtime, ref.name, 'exited');
    expect(seen).toEqual({ state: 'exited', code: 3, reason: 'setup failed with exit code 3' });
    expect(log.text()).toContain('no lock file');
  });

  it('tells that the source could not be unpacked', async () => {
    const runtime = current();
    const source = { unpackInto: () => Promise.reject(new Error('the bundle is gone')) };
    await runtime.start(ref, launchOf(), source, readableLog());
    expect(await untilState(runtime, ref.name, 'exited')).toMatchObject({ reason: 'the bundle is gone' });
  });

  it('runs a command where the instance runs, with its environment', async () => {
    const runtime = current();
    const secret = { TOKEN: 'abc', SCHEMA: 'below env' };
    const launch = launchOf((place) => ({
      processes: [{ name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: { SCHEMA: 'mr_7' }, secret }],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    const { env } = await ask(runtime, ref.name);
    expect(env).toMatchObject({ TOKEN: 'abc', SCHEMA: 'mr_7' });
    const log = readableLog();
    const command = 'ls; echo "$SCHEMA $PORT <$TOKEN>"; exit 6';
    expect(await runtime.exec(ref.name, command, log)).toBe(6);
    expect(await runtime.exec(ref.name, command, log, secret)).toBe(6);
    expect(log.text()).toBe(`server.js\nmr_7 ${env.PORT} <>\nserver.js\nmr_7 ${env.PORT} <abc>\n`);
    await expect(runtime.exec('mr-1-nothing-r1', 'true', log)).rejects.toThrow('mr-1-nothing-r1');
  });

  it('keeps the data of a deployment from instance to instance', async () => {
    const runtime = current();
    const launch = launchOf((place) => ({
      steps: [stepOf(place, 'prepare', `echo ${place.name} >> ${place.data}/names; cat ${place.data}/names`)],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    await ask(runtime, ref.name);
    await runtime.stop(ref.name);
    const log = readableLog();
    await runtime.start(next, launch, sourceOf(), log);
    await ask(runtime, next.name);
    expect(log.text()).toContain(`${ref.name}\n${next.name}\n`);
    await runtime.stop(next.name);
    await runtime.removeData(ref.deployment);
    await runtime.removeData(ref.deployment);
    const afterwards = readableLog();
    await runtime.start(ref, launch, sourceOf(), afterwards);
    await ask(runtime, ref.name);
    expect(afterwards.text()).not.toContain(next.name);
  });

  it('begins a step with the files that its last successful run in the deployment left, where the tree has none', async () => {
    const runtime = current();
    const launch = launchOf((place) => ({
      steps: [
        {
          ...stepOf(
            place,
            'parse',
            `cat target/a target/b; for f in a b; do echo ${place.name} >> target/$f; done; ! test -e bad`,
          ),
          carry: { files: [`${place.tree}/target/a`, `${place.tree}/target/b`], folder: `${place.data}/parses` },
        },
      ],
    }));
    const files = { 'server.js': SERVER, 'target/b': 'sent\n' };
    const logs: string[] = [];
    for (const [index, extra] of [{ 'target/a': '' }, { bad: '' }, {}].entries()) {
      const name = `mr-7-shop-r${index + 1}`;
      const log = readableLog();
      await runtime.start({ name, deployment: ref.deployment }, launch, sourceOf({ ...files, ...extra }), log);
      await untilState(runtime, name, 'bad' in extra ? 'exited' : 'running');
      logs.push(log.text());
    }
    expect(logs[0]).not.toContain('an earlier push');
    for (const log of logs.slice(1)) {
      expect(log).toContain('parse: begins with target/a of an earlier push\n');
      expect(log).toContain(`\n${ref.name}\nsent\n`);
    }
  });

  it('runs two instances of a deployment side by side', async () => {
    const runtime = current();
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    await runtime.start(next, launchOf(), sourceOf(), readableLog());
    const [one, other] = [await ask(runtime, ref.name), await ask(runtime, next.name)];
    expect(one.pid).not.toBe(other.pid);
    expect(one.env.HOME).not.toBe(other.env.HOME);
    expect((await runtime.list()).sort()).toEqual([ref.name, next.name]);
    await runtime.stop(ref.name);
    expect((await ask(runtime, next.name)).pid).toBe(other.pid);
  });

  it('writes the files of the plan and takes out of the tree what it names, before anything runs', async () => {
    const runtime = current();
    const log = readableLog();
    const launch = launchOf((place) => ({
      removeFromTree: [`${place.tree}/.env`, `${place.tree}/etl/.env`, `${place.tree}/none/.env`],
      files: [
        { path: `${place.work}/generated/workspace.yaml`, content: "it's here\n" },
        { path: `${place.data}/home.yaml`, content: 'and here\n' },
        { path: `${place.work}/for-steps`, content: 'for steps\n', stepsOnly: true },
      ],
      steps: [
        stepOf(
          place,
          'look',
          `cat ${place.work}/generated/workspace.yaml ${place.data}/home.yaml ${place.work}/for-steps; ls -A . .git etl`,
        ),
      ],
    }));
    const files = { 'server.js': SERVER, '.env': 'A=1', 'etl/.env': 'B=2', 'etl/defs.py': '' };
    await runtime.start(ref, launch, sourceOf(files), log);
    await ask(runtime, ref.name);
    const wanted = "it's here\nand here\nfor steps\n.:\n.git\netl\nserver.js\n\n.git:\n\netl:\ndefs.py\n";
    expect(log.text()).toContain(wanted);
    const after = readableLog();
    await runtime.exec(ref.name, 'cd ../work && ls generated for-steps', after);
    expect(after.text()).toMatch(/for-steps.*\n(.*\n)*workspace\.yaml\n$/);
  });

  it('starts early processes while steps run, but after what makes a shared folder', async () => {
    const runtime = current();
    const launch = launchOf((place) => ({
      steps: [
        stepOf(place, 'setup', `until test -e ${place.work}/early; do sleep 0.05; done`),
        {
          ...stepOf(place, 'tools', `echo tools > ${place.shared}/tools/version`),
          makesShared: { path: `${place.shared}/tools` },
        },
      ],
      processes: [
        { name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: {} },
        {
          name: 'webserver',
          directory: place.tree,
          argv: ['/bin/sh', '-c', `cat ${place.shared}/tools/version && touch ${place.work}/early && exec sleep 600`],
          env: {},
          early: true,
        },
      ],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    await ask(runtime, ref.name);
    expect(await printed(runtime, ref.name)).toContain('tools\n');
  });

  it('makes a shared folder once for all', async () => {
    const runtime = current();
    const logs = [readableLog(), readableLog()] as const;
    const launch = launchOf((place) => ({
      steps: [
        {
          ...stepOf(place, 'tools', `echo made; sleep 0.3; echo $$ > ${place.shared}/tools/version`),
          makesShared: { path: `${place.shared}/tools` },
        },
      ],
    }));
    await Promise.all([
      runtime.start(ref, launch, sourceOf(), logs[0]),
      runtime.start(next, launch, sourceOf(), logs[1]),
    ]);
    await ask(runtime, ref.name);
    await ask(runtime, next.name);
    expect(logs.filter((log) => log.text().includes('made\n'))).toHaveLength(1);
  });

  it('gives kept outputs of a step to a later instance as a private copy', async () => {
    const runtime = current();
    const key = 'a'.repeat(64);
    const launch = launchOf((place) => ({
      steps: [
        {
          ...stepOf(place, 'setup', 'echo ran; mkdir -p node_modules/x; echo module > node_modules/x/index.js'),
          keep: { key, outputs: [`${place.tree}/node_modules`, `${place.tree}/.venv`] },
        },
        stepOf(place, 'look', `cat node_modules/x/index.js; echo ${place.name} > node_modules/x/index.js`),
      ],
    }));
    const logs = [readableLog(), readableLog(), readableLog()] as const;
    for (const [index, log] of logs.entries()) {
      const name = `mr-7-shop-r${index + 1}`;
      await runtime.start({ name, deployment: ref.deployment }, launch, sourceOf(), log);
      await ask(runtime, name);
    }
    expect(logs.map((log) => log.text().includes('ran\n'))).toEqual([true, false, false]);
    for (const log of logs) expect(log.text()).toContain('\nmodule\n');
  });
}
