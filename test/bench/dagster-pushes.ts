import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fixtureFiles } from '../support/projects.ts';
import { pack } from './by-hand.ts';

/** What a push brings: the first one all of it, each next one more. */
export const PUSHES = ['cold', 'code', 'dependency'] as const;
export type Push = (typeof PUSHES)[number];

/** A project and the pushes to it. */
export interface DaysWork {
  /** Puts the project, as it is after a push, into a folder. */
  writeInto(folder: string, push: Push): void;
  /** The same, packed as the component does. */
  archive(push: Push): Promise<Buffer>;
}

const SHOP = 'projects/shop';
const CODE = `${SHOP}/src/shop/defs/orders.py`;
/** Small, and without packages of its own: what is timed is that there is one more. */
const DEPENDENCY = 'iniconfig==2.0.0';

/**
 * The example of the README. `isSmall`: of its two locations only the one without dbt.
 * @param options.folder takes what is written, and is removed by whoever gave it
 */
export function shippedExample(uv: string, options: { folder: string; isSmall: boolean }): DaysWork {
  const all = Object.entries(fixtureFiles('dagster-workspace'));
  const cold = options.isSmall
    ? {
        ...Object.fromEntries(all.filter(([path]) => path.startsWith(`${SHOP}/`))),
        'dg.toml': `directory_type = "workspace"\n\n[[workspace.projects]]\npath = "${SHOP}"\n`,
      }
    : Object.fromEntries(all);
  const code = { ...cold, [CODE]: `${cold[CODE]}\n\nPUSH = 2\n` };
  const dependency = { ...code, ...withDependency(uv, code, { folder: join(options.folder, 'lock') }) };
  const files: Readonly<Record<Push, Readonly<Record<string, string>>>> = { cold, code, dependency };
  const writeInto = (folder: string, push: Push): void => write(folder, files[push]);
  return {
    writeInto,
    async archive(push) {
      const folder = join(options.folder, 'packed');
      rmSync(folder, { recursive: true, force: true });
      writeInto(folder, push);
      return pack(folder);
    },
  };
}

/** What `uv add` changes: the versions that the lock file has stay. */
function withDependency(
  uv: string,
  files: Readonly<Record<string, string>>,
  { folder }: { folder: string },
): Record<string, string> {
  write(folder, files);
  const cache = process.env.BD_TEST_UV_CACHE;
  execFileSync(uv, ['add', '--quiet', '--no-sync', DEPENDENCY], {
    cwd: join(folder, SHOP),
    env: { ...process.env, ...(cache ? { UV_CACHE_DIR: cache } : {}) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return Object.fromEntries(
    ['pyproject.toml', 'uv.lock'].map((name) => [`${SHOP}/${name}`, readFileSync(join(folder, SHOP, name), 'utf8')]),
  );
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}
