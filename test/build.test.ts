import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
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
