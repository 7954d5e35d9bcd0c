import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { createLog } from '../../src/log.ts';
import { openWorld, type World } from '../support/world.ts';

let t: World;
let served: { paths: Record<string, Record<string, { responses: Record<string, unknown> }>>; openapi: string };

beforeAll(async () => {
  t = await openWorld({ pipelines: false });
  served = await (await fetch(`${t.serviceUrl}/api/openapi.json`)).json();
});
afterAll(() => t.close());

/** All routes of the app as `get /path/{name}`. Nothing of what they need is asked while they are made. */
function routesOfApp(): string[] {
  const webhook = { log: createLog('silent') };
  const parts = { api: { publicUrl: 'https://previews.example.com', now: Date.now }, ci: {}, webhook };
  const app = createApp(parts as Parameters<typeof createApp>[0]);
  const routes = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  return [...new Set(routes)].sort();
}

describe('/api/openapi.json', () => {
  it('is a valid OpenAPI 3.1 description', async () => {
    expect(served.openapi).toBe('3.1.0');
    expect(await new Validator().validate(structuredClone(served))).toEqual({ valid: true });
  });

  it('describes every route of the service, and no other', () => {
    const described = Object.entries(served.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(routesOfApp());
    expect(described).toContain('get /api/deployments/{name}/log');
  });

  it('says what each route of /api/deployments refuses', () => {
    for (const [path, methods] of Object.entries(served.paths))
      for (const [method, { responses }] of Object.entries(methods))
        if (path.startsWith('/api/deployments'))
          expect([path, method, Object.keys(responses)]).toEqual([
            path,
            method,
            expect.arrayContaining(['401', '422', '503']),
          ]);
  });
});
