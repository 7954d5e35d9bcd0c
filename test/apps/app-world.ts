import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPresets } from '../../src/apps/presets.ts';
import type { AppSpec } from '../../src/deployment/app-spec.ts';
import type { Health } from '../../src/deployment/launch.ts';
import type { HandedVariable } from '../../src/deployment/sealed-variables.ts';
import { createProcessRuntime } from '../../src/runtimes/process.ts';
import type { Observation, Source } from '../../src/runtimes/runtime.ts';
import { until } from '../support/poll.ts';

/** Content by path; null takes a file away. */
export type Files = Readonly<Record<string, string | null>>;

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    if (content === null) await rm(target, { force: true });
    else await writeFile(target, content);
  }
}

/** A source that is a folder of `test/fixtures/apps`, or nothing, with files changed. */
export function sourceOf(fixture: string | undefined, files: Files = {}): Source {
  return {
    unpackInto: async (directory) => {
      await mkdir(directory, { recursive: true });
      if (fixture) {
        const from = fileURLToPath(new URL(`../fixtures/apps/${fixture}`, import.meta.url));
        await cp(from, directory, { recursive: true, filter: (path) => !/[/\\](\.venv|__pycache__)$/.test(path) });
      }
      await writeFiles(directory, files);
    },
  };
}

/** What became of a revision. */
export interface Outcome {
  readonly spec: AppSpec;
  readonly name: string;
  readonly health: Exclude<Health, { state: 'waiting' }> | { readonly state: 'exited'; readonly reason: string };
  readonly log: string;
  readonly output: string;
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
  readonly tookMs: number;
}

/** The presets over a real process runtime, one deployment, revisions one after the other. */
export interface AppWorld {
  readonly dataDir: string;
  run(
    source: Source,
    options?: {
      readonly directory?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** Handed over by the job; the second for setup and prepare alone. */
      readonly variables?: readonly HandedVariable[];
      readonly setupVariables?: readonly HandedVariable[];
    },
  ): Promise<Outcome>;
  stop(name: string): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Makes a world with a data directory of its own.
 * @param options.passed what `BD_PASS_ENV` passes on, instead of what tests need here
 */
export async function appWorld(
  options: { uv?: string; timeoutMs?: number; passed?: Readonly<Record<string, string>> } = {},
): Promise<AppWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), 'apps-'));
  const passEnv: Record<string, string> = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
  for (const name of [
    'SSL_CERT_FILE',
    'PIP_INDEX_URL',
    'UV_DEFAULT_INDEX',
    'UV_INDEX_URL',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'NO_PROXY',
  ]) {
    const value = process.env[name];
    if (value !== undefined && !options.passed) passEnv[name] = value;
  }
  Object.assign(passEnv, options.passed);
  const runtime = createProcessRuntime({ dataDir, user: null, passEnv, stopGraceMs: 3_000 });
  const presets = createPresets({ pythonDownloads: false, passEnv, ...(options.uv ? { uv: options.uv } : {}) });
  let revision = 0;
  return {
    dataDir,
    run: async (source, request = {}) => {
      const tree = join(dataDir, `recognise-${++revision}`);
      await source.unpackInto(tree);
      const spec = await presets.recognise({ tree, directory: request.directory ?? '.', timeoutMs: 60_000 });
      const preset = presets.presetFor(spec);
      const name = `mr-7-app-bcdfghjk-r${revision}`;
      const log: string[] = [];
      const env = { BRANCH_DEPLOYMENT_SLUG: 'mr_7', DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT: '1', ...request.env };
      const startedAt = performance.now();
      await runtime.start(
        { name, deployment: 'mr-7-app-bcdfghjk' },
        preset.launch(spec, {
          projectId: 42,
          app: '',
          env,
          variables: request.variables ?? [],
          setupVariables: request.setupVariables ?? [],
        }),
        source,
        { say: (line) => void log.push(line), write: (chunk) => void log.push(Buffer.from(chunk).toString()) },
      );
      let seen: Observation = { state: 'absent' };
      const health = await until(
        `${name} to be healthy or failed`,
        async () => {
          seen = await runtime.observe(name);
          if (seen.state === 'exited') return { state: 'exited' as const, reason: seen.reason };
          if (seen.state !== 'running') return undefined;
          const now = await preset.health(spec, seen.endpoint, seen);
          return now.state === 'waiting' ? undefined : now;
        },
        options.timeoutMs ?? 20_000,
      ).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${log.join('\n')}\n${await outputOf(name)}`, { cause: error });
      });
      const tookMs = performance.now() - startedAt;
      const last = seen as Observation;
      const endpoint = last.state === 'running' ? last.endpoint : undefined;
      return { spec, name, health, log: log.join('\n'), output: await outputOf(name), endpoint, tookMs };
    },
    stop: (name) => runtime.stop(name),
    dispose: async () => {
      for (const name of await runtime.list()) await runtime.stop(name);
      await runtime.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };

  async function outputOf(name: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of runtime.logs(name)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }
}
