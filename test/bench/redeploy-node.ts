import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/poll.ts';
import { pack, timeStart } from './by-hand.ts';
import type { Side } from './redeploy.ts';

/** What the app imports: a web framework, a schema library, a database layer and two parsers, as such apps do. */
const MODULES = ['hono', '@hono/node-server', 'zod', 'drizzle-orm', 'yaml', 'smol-toml', 'jose', 'pino', 'ky'];
const MODULES_FOLDER = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** A small Node web application with dependencies, whose setup outputs are kept. */
export async function nodeSide(): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'bd-bench-node-'));
  const installed = [
    '@pinojs',
    'atomic-sleep',
    'on-exit-leak-free',
    'pino-abstract-transport',
    'pino-std-serializers',
    'process-warning',
    'quick-format-unescaped',
    'real-require',
    'safe-stable-stringify',
    'sonic-boom',
    'split2',
    'thread-stream',
  ];
  const copy = [...MODULES, ...installed]
    .map((name) => `mkdir -p node_modules/$(dirname ${name}) && cp -R ${MODULES_FOLDER}/${name} node_modules/${name}`)
    .join('\n');
  writeFileSync(
    join(folder, '.branch-deployment.yml'),
    JSON.stringify({
      preset: 'command',
      setup: copy,
      setup_inputs: ['package.json'],
      start: 'exec node server.mjs',
      health: '/healthz',
    }),
  );
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  execFileSync('sh', ['-e', '-c', copy], { cwd: folder });
  const byHand = mkdtempSync(join(tmpdir(), 'bd-bench-node-by-hand-'));
  mkdirSync(byHand, { recursive: true });
  cpSync(folder, byHand, { recursive: true });

  return {
    name: 'node',
    async archive(round) {
      writeFileSync(join(folder, 'server.mjs'), source(round));
      return pack(folder, ['node_modules']);
    },
    async startByHand(round, machine) {
      writeFileSync(join(byHand, 'server.mjs'), source(round));
      const port = await freePort();
      return timeStart(
        [{ argv: ['node', 'server.mjs'], cwd: byHand, env: { ...machine, HOST: '127.0.0.1', PORT: String(port) } }],
        async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
      );
    },
    async close() {
      for (const path of [folder, byHand]) rmSync(path, { recursive: true, force: true });
    },
  };
}

function source(round: number): string {
  return `import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { z } from 'zod';
import * as orm from 'drizzle-orm/sqlite-core';
import { parse } from 'yaml';
import { parse as toml } from 'smol-toml';
import * as jose from 'jose';
import { pino } from 'pino';
import ky from 'ky';
const app = new Hono();
app.get('/healthz', (c) => c.text('ok ${round}'));
app.get('/', (c) => c.json({ round: ${round}, keys: [orm, jose, ky].length, yaml: parse('a: 1'), toml: toml('a = 1'), ok: z.string().safeParse('x').success }));
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: process.env.HOST }, () => pino().info({ sinceStartMs: performance.now() }, 'up'));
`;
}
