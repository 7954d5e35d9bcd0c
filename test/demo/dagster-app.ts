import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DemoApp } from './app.ts';

const PROJECT = fileURLToPath(new URL('../fixtures/apps/dagster-quickstart', import.meta.url));
const CODE = 'src/quickstart/definitions.py';

/** A real Dagster project, installed from PyPI. */
export function dagsterApp(why: string, tools: { readonly uv: string; readonly cache: string }): DemoApp {
  const names = readdirSync(PROJECT, { recursive: true, encoding: 'utf8' });
  const paths = names.filter((path) => !path.includes('__pycache__') && statSync(join(PROJECT, path)).isFile());
  const files = Object.fromEntries(
    paths.map((path) => [path.replaceAll('\\', '/'), readFileSync(join(PROJECT, path), 'utf8')]),
  );
  const code = files[CODE] as string;
  const withAsset = (name: string) =>
    code
      .replace('import dagster as dg\n', `import dagster as dg\n\n\n@dg.asset\ndef ${name}() -> int:\n    return 1\n`)
      .replace('assets=[', `assets=[${name}, `);
  return {
    name: 'dagster',
    why,
    files,
    open: { message: 'Add a weekly report', files: { [CODE]: withAsset('weekly_report') }, shows: 'weekly_report' },
    second: {
      message: 'Make it a monthly report',
      files: { [CODE]: withAsset('monthly_report') },
      shows: 'monthly_report',
    },
    broken: {
      message: 'Use a library that is not installed',
      files: { [CODE]: `import missing_library\n${code}` },
      shows: 'missing_library',
    },
    path: tools.uv.includes('/') ? [dirname(tools.uv)] : [],
    uvCache: tools.cache,
    shown: (get) => get('/graphql', JSON.stringify({ query: '{ assetNodes { assetKey { path } } }' })),
  };
}
