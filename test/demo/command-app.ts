import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DemoApp } from './app.ts';

const SERVER = fileURLToPath(new URL('../fixtures/demo/node/server.mjs', import.meta.url));

/** A small Node web page without dependencies. */
export function commandApp(why: string): DemoApp {
  const server = readFileSync(SERVER, 'utf8');
  const headed = (headline: string) => server.replace("'Orders of today'", `'${headline}'`);
  return {
    name: 'command',
    why,
    files: {
      'README.md': '# Shop\n',
      'server.mjs': server,
      '.branch-deployment.yml': 'preset: command\nstart: node server.mjs\nhealth: /healthz\n',
    },
    open: {
      message: 'Show the orders of this week',
      files: { 'server.mjs': headed('Orders of this week') },
      shows: 'Orders of this week',
    },
    second: {
      message: 'Show the orders of this month',
      files: { 'server.mjs': headed('Orders of this month') },
      shows: 'Orders of this month',
    },
    broken: {
      message: 'Use a module that is not there',
      files: { 'server.mjs': `import './missing.mjs';\n${server}` },
      shows: 'ERR_MODULE_NOT_FOUND',
    },
    path: [],
    uvCache: undefined,
    shown: (get) => get('/'),
  };
}
