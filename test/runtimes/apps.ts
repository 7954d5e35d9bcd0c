import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Launch, LaunchPlan, Place } from '../../src/deployment/launch.ts';
import type { InstanceLog, Observation, Runtime, Source } from '../../src/runtimes/runtime.ts';

/** Answers with facts about itself; `/exit?<code>` ends it, `/print?<text>` prints. */
export const SERVER = `
const http = require('node:http');
const fs = require('node:fs');
http.createServer((request, response) => {
  const [path, query] = decodeURIComponent(request.url).split('?');
  if (path === '/exit') process.exit(Number(query));
  if (path === '/print') console.log(query);
  const facts = { pid: process.pid, cwd: process.cwd(), env: process.env, uid: process.getuid(), groups: process.getgroups() };
  response.end(JSON.stringify(facts));
}).listen(process.env.PORT, process.env.HOST, () => console.log('listening'));
`;

/** What SERVER tells. */
export interface Facts {
  readonly pid: number;
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly uid: number;
  readonly groups: number[];
}

/** A source of these files. */
export function sourceOf(files: Readonly<Record<string, string>> = { 'server.js': SERVER }): Source {
  return {
    async unpackInto(directory) {
      await mkdir(directory);
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(directory, path)), { recursive: true });
        await writeFile(join(directory, path), content);
      }
    },
  };
}

/** A launch that runs `node server.js` in the tree, but for what `plan` says. */
export function launchOf(
  plan: (place: Place) => Partial<LaunchPlan> | Promise<Partial<LaunchPlan>> = () => ({}),
  options: { ports?: readonly [string, ...string[]] } = {},
): Launch {
  return {
    ports: options.ports ?? ['http'],
    plan: async (place) => ({
      files: [],
      steps: [],
      processes: [{ name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: {} }],
      ...(await plan(place)),
    }),
  };
}

/** A launch of two processes: a webserver, and a code server that runs `script` and is told its port as `PORT_OF_CODE`. */
export function launchOfTwo(script: string): Launch {
  return launchOf(
    (place) => ({
      processes: [
        { name: 'webserver', directory: place.tree, argv: ['node', 'server.js'], env: {} },
        {
          name: 'code server',
          directory: place.tree,
          argv: ['node', script],
          env: { PORT_OF_CODE: String(place.ports.code) },
        },
      ],
    }),
    { ports: ['http', 'code'] },
  );
}

/** A step of a plan. */
export function stepOf(place: Place, name: string, command: string): LaunchPlan['steps'][number] {
  return { name, directory: place.tree, command, env: {} };
}

/** A log that can be read. */
export function readableLog(): InstanceLog & { text(): string } {
  const chunks: Uint8Array[] = [];
  return {
    say: (line) => chunks.push(Buffer.from(`${line}\n`)),
    write: (chunk) => chunks.push(chunk),
    text: () => Buffer.concat(chunks).toString(),
  };
}

/** Asks again until `look` gives something else than undefined or false; gives up, with what it saw last, after 20 s. */
export async function until<T>(look: () => T | Promise<T>, what = 'what the test waits for'): Promise<NonNullable<T>> {
  const giveUpAt = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen;
    if (Date.now() > giveUpAt) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until the instance is observed in this state. */
export async function untilState<S extends Observation['state']>(
  runtime: Runtime,
  name: string,
  state: S,
): Promise<Extract<Observation, { state: S }>> {
  let last: Observation | undefined;
  return until(async () => {
    last = await runtime.observe(name);
    if (last.state === 'exited' && state === 'running') throw new Error(`${name} exited: ${last.reason}`);
    return last.state === state ? (last as Extract<Observation, { state: S }>) : undefined;
  }, `state ${state} of ${name}`);
}

/** Asks a running instance until it answers. */
export async function ask(runtime: Runtime, name: string, path = '/'): Promise<Facts> {
  const { endpoint } = await untilState(runtime, name, 'running');
  return until(async () => {
    try {
      const response = await fetch(`http://${endpoint.host}:${endpoint.port}${path}`);
      return (await response.json()) as Facts;
    } catch {
      await untilState(runtime, name, 'running');
      return undefined;
    }
  }, `an answer of ${name}`);
}

/** All that `logs` gives now. */
export async function printed(runtime: Runtime, name: string, options: { from?: number } = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of runtime.logs(name, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
