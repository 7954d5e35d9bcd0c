import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setupSteps } from '../../../src/apps/dagster/location-steps.ts';
import type { DagsterLocation } from '../../../src/deployment/app-spec.ts';
import type { Source } from '../../../src/runtimes/runtime.ts';
import { launchOf, readableLog, SERVER, stepOf, untilState } from '../../runtimes/apps.ts';
import { type ProcessWorld, processWorld } from '../../runtimes/process-world.ts';
import { type Files, sourceOf, writeFiles } from '../app-world.ts';
import { findUv } from './uv.ts';

const uv = findUv();
const LONG = 180_000;

/** A package that uv itself builds, so that no index is asked. */
const member = (name: string, dependencies: readonly string[], more = ''): string => `[project]
name = "${name}"
version = "1"
requires-python = ">=3.9"
dependencies = ${JSON.stringify(dependencies)}
[build-system]
requires = ["uv_build"]
build-backend = "uv_build"
[tool.uv.sources]
${dependencies.map((one) => `${one} = { workspace = true }`).join('\n')}
${more}`;

const shopOf = (dependencies: readonly string[], more = ''): string =>
  `${member('shop', dependencies, more)}\n[tool.uv.workspace]\nmembers = ["libs/*"]\n`;

/** A workspace of uv, whose Dagster is an empty package. */
const SHOP: Files = {
  'pyproject.toml': shopOf(['dagster']),
  'src/shop/__init__.py': 'VALUE = "one"\n',
  'libs/dagster/pyproject.toml': member('dagster', []),
  'libs/dagster/src/dagster/__init__.py': '',
  'libs/lib/pyproject.toml': member('lib', []),
  'libs/lib/src/lib/__init__.py': 'VALUE = "of the library"\n',
};

/** Asks the environment what it has: the code of this very tree, and the library or not. */
const ASK = `import importlib.util, os, shop
assert shop.__file__.startswith(os.getcwd() + "/"), shop.__file__
print("sees", shop.VALUE, "and", "the library" if importlib.util.find_spec("lib") else "no library")`;

const LOCATION: DagsterLocation = {
  name: 'shop',
  directory: '.',
  load: { kind: 'module', name: 'shop' },
  optional: false,
  setup: 'uv sync --locked',
  lock: 'uv.lock',
};

describe.runIf(uv)(`environments that are kept${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  let world: ProcessWorld;
  let folder: string;
  let revision = 0;

  beforeAll(async () => {
    world = await processWorld();
    folder = await mkdtemp(join(tmpdir(), 'locked-'));
  });
  afterAll(async () => {
    await world?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  /** Locks a project as people do. */
  async function locked(files: Files, beside?: Source): Promise<Files> {
    const tree = await mkdtemp(join(folder, 'tree-'));
    await beside?.unpackInto(tree);
    await writeFiles(tree, files);
    await promisify(execFile)(uv as string, ['lock', '--quiet', '--offline'], { cwd: tree });
    return { ...files, 'uv.lock': await readFile(join(tree, 'uv.lock'), 'utf8') };
  }

  /** A wheel of a package that uv itself builds, in a folder of the repository's own: uv.lock has no hash of such a one. */
  async function wheelOf(text: string): Promise<Source> {
    const built = await mkdtemp(join(folder, 'wheel-'));
    await writeFiles(built, { 'pyproject.toml': member('vendored', []), 'src/vendored/__init__.py': text });
    await promisify(execFile)(uv as string, ['build', '--quiet', '--offline', '--wheel', '-o', 'wheels'], {
      cwd: built,
    });
    return { unpackInto: (tree) => cp(join(built, 'wheels'), join(tree, 'wheels'), { recursive: true }) };
  }

  /** A folder with the sources of a package that has no wheel, and is what CMAKE_ARGS is when it is built. */
  async function indexOfCompiled(): Promise<string> {
    const built = await mkdtemp(join(folder, 'sdist-'));
    const about = 'Metadata-Version: 2.2\nName: compiled\nVersion: 1\n';
    await writeFiles(built, {
      'compiled-1/PKG-INFO': about,
      'compiled-1/pyproject.toml':
        '[project]\nname = "compiled"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
      'compiled-1/backend.py': `
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "compiled-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("compiled.py", f"VALUE = {os.environ['CMAKE_ARGS']!r}")
        wheel.writestr("compiled-1.dist-info/METADATA", ${JSON.stringify(about)})
        wheel.writestr("compiled-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("compiled-1.dist-info/RECORD", "compiled.py,,\\ncompiled-1.dist-info/METADATA,,\\ncompiled-1.dist-info/WHEEL,,\\ncompiled-1.dist-info/RECORD,,\\n")
    return name
`,
    });
    await mkdir(join(built, 'sdists'));
    await promisify(execFile)('tar', ['-czf', 'sdists/compiled-1.tar.gz', 'compiled-1'], { cwd: built });
    return join(built, 'sdists');
  }

  /** Pushes a project, and waits until its environment is there and was asked. Returns the log of the steps. */
  async function push(files: Files, beside?: Source, env: Readonly<Record<string, string>> = {}): Promise<string> {
    revision += 1;
    const name = `mr-7-shop-r${revision}`;
    const log = readableLog();
    const tools = { uv: uv as string, pythonDownloads: false, passEnv: { PATH: process.env.PATH ?? '' } };
    const launch = launchOf(async (place) => {
      const steps = await setupSteps(
        LOCATION,
        { projectId: 1, app: '', env: {} },
        {
          ...{ place, tools, values: { env: { UV_OFFLINE: '1', ...env }, secret: {} }, written: env },
          instance: { configuration: place.data, home: place.data },
        },
      );
      const ask = stepOf(place, 'ask', `.venv/bin/python -c '${ASK}'`);
      return { steps: [...steps, ask] };
    });
    const ref = { name, deployment: 'mr-7-shop' };
    const source = sourceOf(undefined, { ...files, 'server.js': SERVER });
    const unpackInto = async (tree: string): Promise<void> => {
      await source.unpackInto(tree);
      await beside?.unpackInto(tree);
    };
    await world.runtime.start(ref, launch, { unpackInto }, log);
    await untilState(world.runtime, name, 'running').catch((error: unknown) => {
      throw new Error(`${error}\n${log.text()}`);
    });
    await world.runtime.stop(name);
    return log.text();
  }

  it('are taken as they are by a push of code, which they show', { timeout: LONG }, async () => {
    const shop = await locked(SHOP);
    const first = await push(shop);
    expect(first).toContain('setup of shop: uv sync --locked');
    expect(first).toContain('sees one and no library');

    const next = await push({
      ...shop,
      'src/shop/__init__.py': 'from shop.values import VALUE\n',
      'src/shop/values.py': 'VALUE = "two"\n',
    });
    expect(next).toContain('setup of shop: nothing to do, its outputs are copied from an earlier run');
    expect(next).not.toContain('uv sync');
    expect(next).toContain('sees two and no library');
  });

  it('begin with the last one where a dependency comes or goes', { timeout: LONG }, async () => {
    await push(await locked(SHOP));
    const more = await locked({ ...SHOP, 'pyproject.toml': shopOf(['dagster', 'lib']) });
    const added = await push(more);
    expect(added).toContain('setup of shop: begins with the outputs of an earlier run');
    expect(added).toContain('sees one and the library');
    expect(await push(more)).toContain('setup of shop: nothing to do');

    // Less than the one that was used last has.
    const gone = await push(await locked({ ...SHOP, 'pyproject.toml': `${SHOP['pyproject.toml']}# again\n` }));
    expect(gone).toContain('setup of shop: begins with the outputs of an earlier run');
    expect(gone).toContain('sees one and no library');
  });

  it('have what a wheel of the repository holds now, where that was built anew', { timeout: LONG }, async () => {
    const files: Files = {
      ...SHOP,
      'pyproject.toml': `${shopOf(['dagster'])}[tool.uv]\nfind-links = ["./wheels"]\n`.replace(
        '["dagster"]',
        '["dagster", "vendored"]',
      ),
      'src/shop/__init__.py': 'from vendored import VALUE\n',
    };
    const one = await wheelOf('VALUE = "the first build"\n');
    const two = await wheelOf('VALUE = "the second build"\n');
    const shop = await locked(files, one);

    expect(await push(shop, one)).toContain('sees the first build');
    expect(await push(shop, two)).toContain('sees the second build');
    const again = await push(shop, one);
    expect(again).toContain('setup of shop: nothing to do');
    expect(again).toContain('sees the first build');
  });

  it('are built anew where a package of sources is to be built in another way', { timeout: LONG }, async () => {
    const index = await indexOfCompiled();
    const shop = await locked({
      ...SHOP,
      'pyproject.toml': `${shopOf(['dagster'])}[tool.uv]\nfind-links = [${JSON.stringify(index)}]\n`.replace(
        '["dagster"]',
        '["dagster", "compiled"]',
      ),
      'src/shop/__init__.py': 'from compiled import VALUE\n',
    });
    const pushWith = (CMAKE_ARGS: string) => push(shop, undefined, { CMAKE_ARGS });
    expect(await pushWith('-DONE')).toContain('sees -DONE');
    // Also uv itself would take what it has built before.
    expect(await pushWith('-DTWO')).toContain('sees -DTWO');
    const again = await pushWith('-DONE');
    expect(again).toContain('setup of shop: nothing to do');
    expect(again).toContain('sees -DONE');
  });

  it('have the project installed anew with each push where its code may decide how', { timeout: LONG }, async () => {
    const shop = await locked({ ...SHOP, 'setup.cfg': '' });
    await push(shop);
    const next = await push({ ...shop, 'src/shop/__init__.py': 'VALUE = "two"\n' });
    expect(next).toContain('packages of shop: nothing to do, its outputs are copied from an earlier run');
    expect(next).toContain('setup of shop: uv sync --locked');
    expect(next).toContain('sees two and no library');
  });
});
