import { setTimeout as sleep } from 'node:timers/promises';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { Health, LostPart, PartHealth } from '../../deployment/launch.ts';
import type { Preset } from '../preset.ts';
import { locationPort } from './code-server.ts';
import {
  askLocations,
  type LoadedLocation,
  type LocationEntry,
  type PythonError,
  reloadLocation,
} from './workspace-query.ts';

const MAX_STACK_LINES = 40;
const MAX_MESSAGE = 8_000;
const MAX_KEYS = 10;
const EMPTY = 'it has no asset, job, schedule or sensor';
const RELOAD_PAUSE_MS = 50;

/**
 * The health of a Dagster instance. Healthy is: every expected code location is loaded, and none of its components misses its state. Dagster
 * loads such a component without an error and without its definitions. A location that has nothing at all is healthy with a warning: it
 * may be meant so.
 *
 * A location whose server does not answer yet is waited for. The webserver looks for it every 10 s only (`ERROR_RECOVERY_INTERVAL` in
 * dagster/_grpc/server_watcher.py), so it is asked to look again, one question at a time: it answers when the code is loaded. Not while
 * nothing listens there: the webserver would only take time from the code server's start.
 */
export function createLocationCheck(): Preset<DagsterSpec>['health'] {
  const asked = new Map<string, Promise<void>>();
  return async function checkLocations(spec, endpoint, { lost = [], silent = [] } = {}) {
    const answer = await askLocations(endpoint);
    if (answer.state === 'unreachable') return { state: 'waiting', detail: `the webserver: ${answer.detail}` };
    if (answer.state === 'broken') {
      return { state: 'failed', message: `the workspace cannot be loaded: ${describe(answer.error)}`, parts: [] };
    }
    const entries = new Map(answer.entries.map((entry) => [entry.name, entry]));
    const keyOf = (name: string): string => `${endpoint.host} ${endpoint.port} ${name}`;
    for (const [index, { name }] of spec.locations.entries()) {
      const key = keyOf(name);
      if (lost.some((one) => one.name === name) || silent.includes(locationPort(index))) continue;
      if (!isUnreachable(entries.get(name)) || asked.has(key)) continue;
      // A server that does not listen yet is told of at once: asked again without a pause, the webserver would do nothing else.
      const reloaded = Promise.all([reloadLocation(endpoint, name), sleep(RELOAD_PAUSE_MS)]);
      asked.set(
        key,
        reloaded.then(() => void asked.delete(key)),
      );
    }
    const health = conclude(
      spec,
      spec.locations.map(({ name }) => lostPart(name, lost) ?? partOf(name, entries.get(name))),
    );
    const loading = spec.locations.flatMap(({ name }) => asked.get(keyOf(name)) ?? []);
    return health.state === 'waiting' && loading.length > 0 ? { ...health, news: Promise.race(loading) } : health;
  };
}

function conclude(spec: DagsterSpec, parts: readonly PartHealth[]): Health {
  const needed = parts.filter((_, index) => !spec.locations[index]?.optional);
  const failed = needed.filter((part) => part.state === 'failed');
  if (failed.length > 0) {
    const message = failed.map((part) => `location ${part.name} could not be loaded: ${part.message}`).join('\n\n');
    return { state: 'failed', message, parts };
  }
  const waiting = parts.filter((part) => part.state === 'waiting');
  if (waiting.length === 0) return { state: 'healthy', parts };
  const detail = waiting.map((part) => `location ${part.name} ${part.message}`).join(', ');
  if (needed.some((part) => part.state === 'waiting')) return { state: 'waiting', detail };
  return { state: 'waiting', detail, parts: parts.map((part) => (part.state === 'waiting' ? late(part) : part)) };
}

function late({ name, message }: PartHealth): PartHealth {
  return {
    name,
    state: 'failed',
    message: `it ${message}, and the time that the app has to start is over`,
    absent: true,
  };
}

/** What the webserver says of one whose server has ended is of before, or the words of a failed connection. */
function lostPart(name: string, lost: readonly LostPart[]): PartHealth | undefined {
  const found = lost.find((one) => one.name === name);
  return found && { name, state: 'failed', message: found.reason, absent: true };
}

function partOf(name: string, entry: LocationEntry | undefined): PartHealth {
  if (entry === undefined || entry.loadStatus !== 'LOADED' || entry.locationOrLoadError === null) {
    return { name, state: 'waiting', message: 'is being loaded' };
  }
  const loaded = entry.locationOrLoadError;
  if (loaded.__typename === 'RepositoryLocation') return partOfLoaded(name, entry, loaded);
  if (isUnreachable(entry)) return { name, state: 'waiting', message: 'is not answering yet' };
  return { name, state: 'failed', message: describe(loaded) };
}

function partOfLoaded(name: string, entry: LocationEntry, { repositories }: LoadedLocation): PartHealth {
  const stateless = (entry.defsStateInfo?.keyStateInfo ?? [])
    .filter(({ info }) => info === null)
    .map((one) => one.name);
  if (stateless.length > 0) {
    const left = stateless.length - MAX_KEYS;
    const keys = `${stateless.slice(0, MAX_KEYS).join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
    return {
      name,
      state: 'failed',
      message: `components without state, and so without their definitions: ${keys}. The state is made by "dg utils refresh-defs-state": run it in your prepare, or, where you have none, add dagster-dg-cli to the environment.`,
    };
  }
  const isEmpty = repositories.every(
    ({ assetNodesConnection, jobs, schedules, sensors }) =>
      assetNodesConnection.nodes.length + jobs.length + schedules.length + sensors.length === 0,
  );
  return isEmpty ? { name, state: 'healthy', message: EMPTY } : { name, state: 'healthy' };
}

/** What the webserver says of a code server that does not listen (dagster/_core/errors.py). */
function isUnreachable(entry: LocationEntry | undefined): boolean {
  const loaded = entry?.locationOrLoadError;
  return loaded?.__typename === 'PythonError' && loaded.className === 'DagsterUserCodeUnreachableError';
}

/**
 * Message and stack, the deepest cause first: it is what the branch did, and the errors around it are Dagster's words for "it did not
 * load". Those keep their message only.
 */
function describe(error: PythonError): string {
  const links = [error, ...(error.errorChain ?? []).map((link) => link.error)];
  const cause = links.at(-1) as PythonError;
  const around = links.slice(0, -1).toReversed();
  const text = [errorText(cause), ...around.map((one) => `which led to: ${one.message.trim()}`)].join('\n');
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}\n…` : text;
}

function errorText(error: { readonly message: string; readonly stack: readonly string[] }): string {
  const lines = error.stack.flatMap((frame) => frame.replace(/\n+$/, '').split('\n'));
  const kept = lines.slice(-MAX_STACK_LINES);
  const cut = kept.length < lines.length ? [`  … ${lines.length - kept.length} lines above`] : [];
  return [error.message.trim(), ...cut, ...kept].join('\n');
}
