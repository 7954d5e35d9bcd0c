import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DAGSTER_VERSION } from '../../src/apps/dagster/versions.ts';
import { findUv } from '../apps/dagster/uv.ts';
import { freePort } from '../support/poll.ts';
import { pack, timeStart } from './by-hand.ts';
import { isLoaded } from './dagster-loaded.ts';
import type { Side } from './redeploy.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/apps/dagster-quickstart', import.meta.url));
const CODE = 'src/quickstart/orders.py';

/** A Dagster project: by hand, a code server and a webserver side by side, from environments that are installed already. */
export async function dagsterSide({ quick }: { readonly quick: boolean }): Promise<Side | string> {
  const uv = findUv();
  if (uv === undefined) return 'Dagster: uv is not installed (pip install uv)';
  const source = mkdtempSync(join(tmpdir(), 'bd-bench-dagster-'));
  const byHand = mkdtempSync(join(tmpdir(), 'bd-bench-dagster-by-hand-'));
  const web = mkdtempSync(join(tmpdir(), 'bd-bench-webserver-'));
  const code = readFileSync(join(FIXTURE, CODE), 'utf8');
  for (const folder of [source, byHand]) cpSync(FIXTURE, folder, { recursive: true });
  const install = (args: readonly string[], cwd: string) =>
    execFileSync(uv, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  // A single round is not for the figures: it may compile what it imports as it goes.
  install(['sync', '--quiet', '--locked', ...(quick ? [] : ['--compile-bytecode'])], byHand);
  const made = process.env.BD_TEST_WEBSERVER;
  if (made) symlinkSync(join(made, 'env'), join(web, 'env'));
  else {
    install(['venv', '--quiet', 'env'], web);
    const wanted = `dagster-webserver==${DAGSTER_VERSION}`;
    install(['pip', 'install', '--quiet', '--compile-bytecode', '--python', 'env/bin/python', wanted], web);
  }
  writeFileSync(join(web, 'dagster.yaml'), 'telemetry: { enabled: false }\n');
  // The storage, before programs that start side by side: where two make it at once, Dagster cannot use it ever after.
  const makesStorage = 'from dagster import DagsterInstance; DagsterInstance.get()';
  execFileSync(join(web, 'env/bin/python'), ['-c', makesStorage], { env: { ...process.env, DAGSTER_HOME: web } });
  const change = (folder: string, round: number) => writeFileSync(join(folder, CODE), `${code}\n\nROUND = ${round}\n`);

  return {
    name: 'dagster',
    async archive(round) {
      change(source, round);
      return pack(source);
    },
    async startByHand(round, machine) {
      change(byHand, round);
      const [grpc, http] = [await freePort(), await freePort()];
      writeFileSync(
        join(web, 'workspace.yaml'),
        `load_from: [{ grpc_server: { host: 127.0.0.1, port: ${grpc}, location_name: quickstart } }]\n`,
      );
      const env = { ...machine, DAGSTER_HOME: web };
      const codeServer = [
        '.venv/bin/python',
        '-m',
        'dagster',
        'api',
        'grpc',
        '-h',
        '127.0.0.1',
        '-p',
        String(grpc),
        '-m',
        'quickstart.definitions',
        '--lazy-load-user-code',
      ] as const;
      const webserver = [
        'env/bin/dagster-webserver',
        '-w',
        'workspace.yaml',
        '-h',
        '127.0.0.1',
        '-p',
        String(http),
      ] as const;
      return timeStart(
        [
          { argv: [...codeServer], cwd: byHand, env },
          { argv: [...webserver], cwd: web, env },
        ],
        () => isLoaded(http, ['quickstart']),
      );
    },
    async close() {
      for (const path of [source, byHand, web]) rmSync(path, { recursive: true, force: true });
    },
  };
}
