import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { buildService } from './support/service-process.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** Programs in Python below a folder: text by path. */
const programsIn = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.py'))
      .sort()
      .map((path) => [path, readFileSync(join(folder, path), 'utf8')]),
  );

it('what is built is one file of JavaScript, and each program in Python where the source has it', async () => {
  const { main, dispose } = await buildService();
  onTestFinished(dispose);
  const folder = dirname(main);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true });

  expect(files.filter((file) => file.isFile() && !file.name.endsWith('.py')).map(({ name }) => name)).toEqual([
    'main.js',
  ]);
  expect(programsIn(folder)).toEqual(programsIn(src));
  expect(Object.keys(programsIn(folder)).length).toBeGreaterThan(20);
  const { version } = JSON.parse(readFileSync(join(src, '..', 'package.json'), 'utf8')) as { version: string };
  // As the command of the package: started by its own first line.
  expect(execFileSync(main, ['version'], { encoding: 'utf8' })).toBe(`${version}\n`);
});

it('what another Node has installed the packages for says so', async () => {
  const { main, dispose } = await buildService();
  onTestFinished(dispose);
  const modules = join(dirname(main), '..', 'node_modules');
  rmSync(modules);
  mkdirSync(modules);
  symlinkSync(join(src, '..', 'node_modules', 'better-sqlite3'), join(modules, 'better-sqlite3'));
  // What Node 24 says of itself.
  const newer =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,napi:'10'}})";
  const { status, stderr } = spawnSync(process.execPath, ['--import', newer, main, 'serve'], { encoding: 'utf8' });
  expect(status).not.toBe(0);
  expect(stderr).toContain(
    `Node ${process.version} needs the package better-sqlite3-napi, which is not installed. Install the packages again, with this Node: npm ci`,
  );
});
