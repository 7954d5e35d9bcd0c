import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { commandPreset } from '../../src/apps/command.ts';
import type { CommandSpec } from '../../src/deployment/app-spec.ts';
import { freePort } from '../support/poll.ts';
import { type AppWorld, appWorld, type Files, sourceOf } from './app-world.ts';

/** An app that tells what it was given; setup writes what the app then reads. */
const APP: Files = {
  'server.js': `
    const { createServer } = require('node:http');
    const { existsSync, readFileSync } = require('node:fs');
    const made = existsSync('node_modules/made') ? readFileSync('node_modules/made', 'utf8') : '';
    createServer((req, res) => res.end(JSON.stringify({ env: process.env, made, dotenv: existsSync('.env') })))
      .listen(Number(process.env.PORT), process.env.HOST);
  `,
  '.branch-deployment.yml': [
    'setup: mkdir -p node_modules && date +%s%N > node_modules/made',
    'start: exec node server.js',
    `env: { SCHEMA: "dev_\${BRANCH_DEPLOYMENT_SLUG}", URL: "http://\${HOST}:\${PORT}", SHARED: file }`,
  ].join('\n'),
  'package-lock.json': '{}',
  '.env': 'FROM_DOTENV=yes\nSHARED=dotenv\nBRANCH_DEPLOYMENT_SLUG=prod\n',
};

interface Told {
  readonly env: Readonly<Record<string, string>>;
  readonly made: string;
  readonly dotenv: boolean;
}

let world: AppWorld | undefined;
let server: Server | undefined;

afterEach(async () => {
  await world?.dispose();
  server?.closeAllConnections();
  server?.close();
  world = server = undefined;
});

async function ask(endpoint: { host: string; port: number } | undefined): Promise<Told> {
  const response = await fetch(`http://${endpoint?.host}:${endpoint?.port}/`);
  return (await response.json()) as Told;
}

describe('an app that a command starts', () => {
  it('is given the .env below the app file, and both below what the service says', async () => {
    world = await appWorld();

    const outcome = await world.run(sourceOf(undefined, APP));
    const { env, dotenv } = await ask(outcome.endpoint);

    expect(outcome.health).toEqual({ state: 'healthy', parts: [] });
    expect(env).toMatchObject({
      FROM_DOTENV: 'yes',
      SHARED: 'file',
      SCHEMA: 'dev_mr_7',
      BRANCH_DEPLOYMENT_SLUG: 'mr_7',
      URL: `http://${outcome.endpoint?.host}:${outcome.endpoint?.port}`,
      BRANCH_DEPLOYMENT_DATA_DIR: `${world.dataDir}/deployments/mr-7-app-bcdfghjk`,
    });
    expect(dotenv).toBe(false);
  });

  it('gets the outputs of an earlier setup until an input changes', async () => {
    world = await appWorld();

    const first = await ask((await world.run(sourceOf(undefined, APP))).endpoint);
    const second = await ask((await world.run(sourceOf(undefined, { ...APP, 'other.txt': 'code' }))).endpoint);
    const third = await ask((await world.run(sourceOf(undefined, { ...APP, 'package-lock.json': '{ }' }))).endpoint);

    expect(first.made).not.toBe('');
    expect(second.made).toBe(first.made);
    expect(third.made).not.toBe(first.made);
  });

  it('has its setup run again when a file of a folder changes that setup_inputs names', async () => {
    world = await appWorld();
    const files = {
      ...APP,
      '.branch-deployment.yml': `${APP['.branch-deployment.yml']}\nsetup_inputs: [package-lock.json, patches]\n`,
      'patches/deep/one.patch': 'one',
    };

    const first = await ask((await world.run(sourceOf(undefined, files))).endpoint);
    const second = await ask((await world.run(sourceOf(undefined, { ...files, 'other.txt': 'code' }))).endpoint);
    const third = await ask(
      (await world.run(sourceOf(undefined, { ...files, 'patches/deep/one.patch': 'two' }))).endpoint,
    );

    expect(second.made).toBe(first.made);
    expect(third.made).not.toBe(first.made);
  });

  it('has its setup run again when the app file gives it another environment', async () => {
    world = await appWorld();
    const files = (mode: string) => ({
      ...APP,
      '.branch-deployment.yml': [
        'setup: mkdir -p node_modules && printf %s "$MODE" > node_modules/made',
        'start: exec node server.js',
        `env: { MODE: ${mode} }`,
      ].join('\n'),
    });

    const first = await ask((await world.run(sourceOf(undefined, files('development')))).endpoint);
    const second = await ask((await world.run(sourceOf(undefined, files('production')))).endpoint);

    expect([first.made, second.made]).toEqual(['development', 'production']);
  });

  it('fails with the step that failed', async () => {
    world = await appWorld();

    const outcome = await world.run(
      sourceOf(undefined, { '.branch-deployment.yml': 'prepare: echo no; exit 3\nstart: x\n' }),
    );

    expect(outcome.health).toEqual({ state: 'exited', reason: 'prepare failed with exit code 3' });
    expect(outcome.log).toContain('no\n');
  });
});

describe('health of a command', () => {
  const spec = { health: '/up' } as CommandSpec;

  async function listen(answer: RequestListener): Promise<{ host: string; port: number }> {
    server = createServer(answer);
    await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  it.each([200, 204, 302, 304])('is healthy with %i', async (status) => {
    const endpoint = await listen((req, res) =>
      res.writeHead(req.url === '/up' ? status : 500, { location: '/x' }).end(),
    );

    expect(await commandPreset.health(spec, endpoint)).toEqual({ state: 'healthy', parts: [] });
  });

  it.each([404, 500])('waits with %i', async (status) => {
    const endpoint = await listen((_, res) => res.writeHead(status).end());

    expect(await commandPreset.health(spec, endpoint)).toEqual({
      state: 'waiting',
      detail: `GET /up answers ${status}; 2xx or 3xx is needed`,
    });
  });

  it('waits where nothing listens', async () => {
    const port = await freePort();

    expect(await commandPreset.health(spec, { host: '127.0.0.1', port })).toEqual({
      state: 'waiting',
      detail: `GET /up on port ${port}: nothing listens there yet`,
    });
  });

  it('waits where nobody answers', async () => {
    const endpoint = await listen(() => {});

    expect(await commandPreset.health(spec, endpoint)).toEqual({
      state: 'waiting',
      detail: `GET /up on port ${endpoint.port}: no answer within 3 s`,
    });
  });
});
