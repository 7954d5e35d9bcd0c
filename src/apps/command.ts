import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { CommandSpec } from '../deployment/app-spec.ts';
import type { Health, Launch, LaunchPlan, Place, Step } from '../deployment/launch.ts';
import { appValues, variableFiles } from './app-values.ts';
import { interpreterVersions } from './interpreters.ts';
import { persistedFolders } from './persisted-folders.ts';
import type { LaunchContext, Preset } from './preset.ts';
import { digestInTree, kindInTree } from './tree-files.ts';
import { namesInTree } from './tree-names.ts';

const HEALTH_TIMEOUT_MS = 3_000;
/** All folders may hold an input of setup. */
const NO_FOLDER = /(?!)/;

/** Any web application that a command starts. */
export const commandPreset: Preset<CommandSpec> = {
  name: 'command',
  launch: (spec, context): Launch => ({ ports: ['http'], plan: (place) => planCommand(spec, context, { place }) }),
  health: checkPath,
};

async function planCommand(spec: CommandSpec, context: LaunchContext, options: { place: Place }): Promise<LaunchPlan> {
  const { place } = options;
  const directory = resolve(place.tree, spec.directory);
  const values = appValues(spec, context, { place });
  const forSetup = appValues(spec, context, { place, isSetup: true });
  const steps: Step[] = [];
  if (spec.setup !== undefined) {
    const key = await setupKey(spec, spec.setup, { context, tree: place.tree });
    const outputs = spec.setupOutputs.map((path) => resolve(place.tree, path));
    steps.push({
      name: 'setup',
      directory,
      command: spec.setup,
      ...forSetup,
      ...(key ? { keep: { key, outputs } } : {}),
    });
  }
  if (spec.prepare !== undefined) steps.push({ name: 'prepare', directory, command: spec.prepare, ...forSetup });
  return {
    removeFromTree: [resolve(directory, '.env')],
    persist: persistedFolders(spec, place),
    files: variableFiles(context, place),
    steps,
    processes: [{ name: 'app', directory, argv: ['/bin/sh', '-c', spec.start], ...values }],
  };
}

/**
 * Everything that decides what setup makes; undefined where no input is there, or not all of one can be read: then nothing tells when its
 * outputs are stale.
 * Kept outputs never pass from one project or app to another.
 */
async function setupKey(
  spec: CommandSpec,
  setup: string,
  options: { context: LaunchContext; tree: string },
): Promise<string | undefined> {
  const { context, tree } = options;
  const inputs: Array<[path: string, digest: string]> = [];
  for (const named of [...spec.setupInputs].sort()) {
    const paths = await filesOf(tree, named);
    if (paths === undefined) return undefined;
    for (const path of paths) {
      const digest = await digestInTree(tree, path);
      if (digest === undefined) return undefined;
      inputs.push([path, digest]);
    }
  }
  if (inputs.length === 0) return undefined;
  const parts = {
    project: context.projectId,
    app: context.app,
    preset: 'command',
    directory: spec.directory,
    setup,
    outputs: [...spec.setupOutputs].sort(),
    // As the app file has it: what variables make of it changes with each job.
    env: spec.env,
    interpreters: await interpreterVersions(),
    inputs,
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The files of a path: itself, or those below it; none where nothing is there, undefined where they are too many. */
async function filesOf(tree: string, path: string): Promise<readonly string[] | undefined> {
  const kind = await kindInTree(tree, path);
  if (kind !== 'folder') return kind === 'file' ? [path] : [];
  const { files, links, isAll } = await namesInTree(tree, { skipped: NO_FOLDER, from: path });
  return isAll ? [...files, ...links].sort() : undefined;
}

/** A redirect counts as an answer and is not followed: it may lead anywhere. */
async function checkPath(
  spec: CommandSpec,
  endpoint: { readonly host: string; readonly port: number },
): Promise<Health> {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  const url = `http://${host}:${endpoint.port}${spec.health}`;
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    await response.body?.cancel();
    if (response.status >= 200 && response.status < 400) return { state: 'healthy', parts: [] };
    return { state: 'waiting', detail: `GET ${spec.health} answers ${response.status}; 2xx or 3xx is needed` };
  } catch (error) {
    return { state: 'waiting', detail: `GET ${spec.health} on port ${endpoint.port}: ${causeOf(error)}` };
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${HEALTH_TIMEOUT_MS / 1000} s`;
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNREFUSED' ? 'nothing listens there yet' : (code ?? error.message);
}
