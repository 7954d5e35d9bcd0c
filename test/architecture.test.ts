import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Which part of `src` may import which (README, "How it is built"). Left may use right, never back. */
const RULE: Readonly<Record<string, readonly string[] | 'all'>> = {
  main: 'all',
  service: 'all',
  commands: ['deployment', 'apps', 'changes', 'views', 'errors', 'shipped-files'],
  http: ['deployment', 'webhooks', 'store', 'views', 'gitlab/id-token', 'errors', 'log', 'version'],
  reconcile: ['deployment', 'store', 'gitlab', 'runtimes', 'apps', 'changes', 'views', 'errors', 'log'],
  'front-door': ['deployment', 'store', 'changes', 'errors', 'log'],
  gitlab: ['deployment', 'errors'],
  runtimes: ['deployment', 'errors'],
  apps: ['deployment', 'errors', 'shipped-files'],
  changes: ['deployment', 'errors', 'shipped-files'],
  webhooks: ['deployment', 'errors'],
  views: ['deployment', 'errors'],
  store: ['deployment', 'errors', 'shipped-files'],
  deployment: [],
  config: ['deployment', 'errors', 'settings'],
  settings: ['deployment'],
  'data-dir': [],
  'process-user': [],
  errors: [],
  log: [],
  metrics: ['deployment'],
  version: ['shipped-files'],
  'shipped-files': [],
};

/** Libraries that only some parts may know, or some files of a part. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  hono: ['http', 'front-door', 'views', 'service'],
  '@hono/zod-openapi': ['http'],
  '@hono/node-server': ['service'],
  'drizzle-orm': ['store'],
  'better-sqlite3': ['store'],
  '@gitbeaker': ['gitlab'],
  zod: ['settings', 'http', 'webhooks', 'gitlab', 'apps', 'changes/snapshot.ts'],
  jose: ['gitlab'],
  'prom-client': ['metrics'],
};

const src = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** The probe of asset changes, which runs in a project's own environment. */
const probe = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.py'));

/** `http/ci-api/routes.ts` → `http`; `main.ts` → `main`. */
const partOf = (file: string) => (file.split('/')[0] as string).replace(/\.ts$/, '');

function importsOf(file: string, options: { typesToo: boolean } = { typesToo: true }): string[] {
  const whole = readFileSync(join(src, file), 'utf8');
  const text = options.typesToo ? whole : whole.replace(/(^|\n)(import|export) type\b[^;]*;/g, '');
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)import\s*'([^']+)'/g,
    ),
  ].map((m) => (m[1] ?? m[2] ?? m[3]) as string);
}

describe('architecture', () => {
  it('has a rule for every part of src', () => {
    const parts = new Set(files.map(partOf));

    expect([...parts].filter((part) => !(part in RULE))).toEqual([]);
  });

  it('imports only along the import rule', () => {
    const broken = files.flatMap((file) => {
      const allowed = RULE[partOf(file)] ?? [];
      return importsOf(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(src, resolve(src, dirname(file), name)))
        .filter((target) => allowed !== 'all' && partOf(target) !== partOf(file))
        .filter(
          (target) =>
            !(allowed as readonly string[]).some((part) => target === `${part}.ts` || target.startsWith(`${part}/`)),
        )
        .map((target) => `${file} imports ${target}`);
    });

    expect(
      broken,
      `The rule:\n${Object.entries(RULE)
        .map(([part, use]) => `  ${part} → ${use === 'all' ? 'all' : use.join(', ')}`)
        .join('\n')}`,
    ).toEqual([]);
  });

  it('keeps each library in the parts that are made for it', () => {
    const broken = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .filter((name) =>
          Object.entries(LIBRARIES).some(
            ([library, parts]) =>
              (name === library || name.startsWith(`${library}/`)) &&
              !parts.includes(partOf(file)) &&
              !parts.includes(file),
          ),
        )
        .map((name) => `${file} imports ${name}`),
    );

    expect(broken).toEqual([]);
  });

  it('reads the environment in main only', () => {
    const readers = files.filter((file) =>
      /\bprocess\.env\b/.test(readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')),
    );

    expect(readers).toEqual(['main.ts']);
  });

  it('has no file above 300 lines and no name that says nothing', () => {
    const long = files.filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 301);
    const longProbe = probe.filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 301);
    const vague = [...files, ...probe].filter((file) =>
      /(^|\/)(utils?|helpers?|managers?|common|misc)(\/|\.ts$|\.py$|-|_)/.test(file),
    );

    expect({ long, longProbe, vague }).toEqual({ long: [], longProbe: [], vague: [] });
  });

  it('has no cycle of imports, types aside', () => {
    const graph = new Map(
      files.map((file) => [
        file,
        importsOf(file, { typesToo: false })
          .filter((n) => n.startsWith('.'))
          .map((n) => relative(src, resolve(src, dirname(file), n))),
      ]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      else if (!done.has(file)) {
        for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
        done.add(file);
      }
    };
    for (const file of files) visit(file, []);

    expect(cycles).toEqual([]);
  });
});
