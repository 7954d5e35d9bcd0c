import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Files } from './app-world.ts';
import { makeTree, recogniseFiles, SETUP } from './recognise-files.ts';

const LOCATION = 'locations: [{ name: etl, directory: etl, module: etl.defs }]\n';

describe('persisted folders', () => {
  it('lie below the folder of the app file, and the log names them', async () => {
    const spec = await recogniseFiles(
      { 'web/.branch-deployment.yml': 'start: x\npersist: [data/, ./a//b]\n', 'web/data/seed': '' },
      'web',
    );

    expect(spec.persist).toEqual(['web/data', 'web/a/b']);
    expect(spec.remarks).toContain('persist: web/data, web/a/b stay from push to push');
  });

  it.each<[string, Files, string]>([
    [
      'an output of setup',
      { '.branch-deployment.yml': 'start: x\nsetup: make\nsetup_outputs: [out/made]\npersist: [out]\n' },
      '"out" and what setup makes ("out/made") are in each other\'s way',
    ],
    [
      'an output that setup has where none is named',
      { '.branch-deployment.yml': 'start: x\nsetup: make\npersist: [node_modules/x]\n' },
      '"node_modules/x" and what setup makes ("node_modules")',
    ],
    [
      "a location's environment",
      { '.branch-deployment.yml': `${LOCATION}persist: [etl/.venv]\n`, 'etl/defs.py': '', ...SETUP },
      '"etl/.venv" and what setup makes ("etl/.venv")',
    ],
    [
      "a location's code",
      { '.branch-deployment.yml': `${LOCATION}persist: [etl]\n`, 'etl/defs.py': '', ...SETUP },
      '"etl" holds the code in "etl", which is each push\'s own. Name a folder that holds data only.',
    ],
    [
      "a part of a location's code",
      {
        '.branch-deployment.yml': `${LOCATION}persist: [etl/lib]\n`,
        'etl/defs.py': '',
        'etl/lib/a/b.py': '',
        ...SETUP,
      },
      '"etl/lib" holds the code in "etl/lib/a/b.py", which is each push\'s own. Name a folder that holds data only.',
    ],
    [
      'a file',
      { '.branch-deployment.yml': 'start: x\npersist: [data/app.db]\n', 'data/app.db': '' },
      '"data/app.db" needs "data/app.db" to be a folder: it is a file.',
    ],
  ])('cannot be %s', async (_, files, message) => {
    await expect(recogniseFiles(files)).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(`.branch-deployment.yml: persist: ${message}`),
    });
  });

  it('has a path that a file system can have', async () => {
    await expect(
      recogniseFiles({ '.branch-deployment.yml': 'start: x\npersist: ["a\\uD800b"]\n' }),
    ).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('line 2: persist.0: '),
    });
  });

  it('cannot be reached by a link', async () => {
    const tree = await makeTree();
    await symlink('/tmp', join(tree, 'elsewhere'));

    await expect(
      recogniseFiles({ '.branch-deployment.yml': 'start: x\npersist: [elsewhere/data]\n' }, '.', tree),
    ).rejects.toThrow('"elsewhere/data" needs "elsewhere" to be a folder: it is a link.');
  });
});
