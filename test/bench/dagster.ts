import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recognise } from '../../src/apps/recognise.ts';
import type { DagsterLocation } from '../../src/deployment/app-spec.ts';
import { findUv } from '../apps/dagster/uv.ts';
import { HandDeployment } from './dagster-by-hand.ts';
import { type DaysWork, PUSHES, type Push, shippedExample } from './dagster-pushes.ts';
import { type DoorClient, openDoor } from './door-client.ts';
import { type MemoryOfProcess, memoryByProcess } from './memory.ts';
import { type Figure, median } from './report.ts';

/** Each push is two starts of Dagster; the next ones differ in what is timed, and a single round is not for figures. */
const QUICK_PUSHES: readonly Push[] = ['cold'];

interface Round {
  readonly pushes: ReadonlyArray<{ readonly push: Push; readonly service: number; readonly byHand: number }>;
  readonly memory: readonly MemoryOfProcess[];
}

/** Of a round with all pushes, which takes some two minutes. */
const ROUNDS = 3;

/**
 * The shipped example, pushed through the service, against the bare commands in the same minute; which side is first changes from round to
 * round. Each round is a new service and a new folder; packages come from one warm cache, for the network is nobody's share. What is begun
 * cold includes the webserver's environment. Each push prints a line when it was timed.
 */
export async function benchDagster({ quick }: { readonly quick: boolean }): Promise<readonly Figure[]> {
  const uv = findUv();
  if (uv === undefined) {
    console.log('skipped: uv is not installed (pip install uv)');
    return [];
  }
  const own = mkdtempSync(join(tmpdir(), 'bd-bench-dagster-'));
  // A single round is not for the figures, and need not make what is there. In CI's cache is byte code too, which only who links files can use.
  if (!quick) {
    delete process.env.BD_TEST_WEBSERVER;
    delete process.env.BD_TEST_UV_CACHE;
  }
  process.env.BD_TEST_UV_CACHE ??= join(own, 'uv-cache');
  try {
    const example = shippedExample(uv, { folder: own, isSmall: quick });
    const pushes = quick ? QUICK_PUSHES : PUSHES;
    if (!quick) await warmCache(uv, example);
    const rounds: Round[] = [];
    for (let round = 1; round <= (quick ? 1 : ROUNDS); round += 1)
      rounds.push(await playRound(uv, example, { pushes, quick, round }));
    return figuresOf(rounds);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** Fetches and unpacks what either side installs, into the cache of both. */
async function warmCache(uv: string, example: DaysWork): Promise<void> {
  const began = performance.now();
  // Of the machine's variables (certificates, indexes) both sides get the same.
  const door = await openDoor();
  const hand = new HandDeployment(uv, door.passEnv);
  try {
    for (const push of ['cold', 'dependency'] as const) {
      example.writeInto(hand.folder, push);
      await hand.install(await locationsOf(hand.folder));
    }
  } finally {
    await door.close();
    hand.close();
  }
  console.log(`packages are in the cache: ${seconds(performance.now() - began)}`);
}

/** A first deployment and the pushes after it, each on both sides. */
async function playRound(
  uv: string,
  example: DaysWork,
  { pushes, quick, round }: { pushes: readonly Push[]; quick: boolean; round: number },
): Promise<Round> {
  const door = await openDoor();
  const hand = new HandDeployment(uv, door.passEnv);
  try {
    const times: Array<Round['pushes'][number]> = [];
    for (const push of pushes) {
      const took = await both(push, example, { door, hand, quick, handFirst: round % 2 === 0 });
      times.push({ push, ...took });
      const ratio = (took.service / took.byHand).toFixed(2);
      console.log(
        `round ${round}, ${push}: service ${seconds(took.service)}, by hand ${seconds(took.byHand)}, ratio ${ratio}`,
      );
    }
    return { pushes: times, memory: memoryByProcess(door.dataDir) };
  } finally {
    await door.close();
    hand.close();
  }
}

async function both(
  push: Push,
  example: DaysWork,
  sides: { door: DoorClient; hand: HandDeployment; quick: boolean; handFirst: boolean },
): Promise<{ service: number; byHand: number }> {
  const { door, hand, quick, handFirst } = sides;
  const onService = async (): Promise<number> => {
    const tookMs = await door.deploy(await example.archive(push));
    // Copies that are made ahead, at the lowest priority, are not worth waiting for where figures are not the point.
    await (quick ? door.alone() : door.quiet());
    return tookMs;
  };
  const onHand = async (): Promise<number> => {
    example.writeInto(hand.folder, push);
    return hand.deploy(await locationsOf(hand.folder));
  };
  if (!handFirst) return { service: await onService(), byHand: await onHand() };
  const byHand = await onHand();
  return { service: await onService(), byHand };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** With their default commands, which are those that anyone would type. */
async function locationsOf(tree: string): Promise<readonly DagsterLocation[]> {
  const spec = await recognise({ tree, directory: '.', timeoutMs: 60_000 });
  if (spec.preset !== 'dagster') throw new Error(`recognised as ${spec.preset}`);
  return spec.locations;
}

function figuresOf(rounds: readonly Round[]): Figure[] {
  const times = PUSHES.flatMap((push): Figure[] => {
    const all = rounds.flatMap(({ pushes }) => pushes.filter((one) => one.push === push));
    if (all.length === 0) return [];
    return [
      { name: push, value: median(all.map(({ service }) => service)), unit: 'ms' },
      { name: `${push}-by-hand`, value: median(all.map(({ byHand }) => byHand)), unit: 'ms' },
      {
        name: `${push}-ratio`,
        value: median(all.map(({ service, byHand }) => service / byHand)),
        unit: '',
        goal: { atMost: 1.15 },
      },
    ];
  });
  const measured = rounds.filter(({ memory }) => memory.length > 0);
  if (measured.length === 0) return times;
  const names = measured[0]?.memory.map(({ name }) => name) ?? [];
  const megabytesOf = (name: string) =>
    median(measured.map(({ memory }) => memory.find((one) => one.name === name)?.megabytes ?? 0));
  const total = median(measured.map(({ memory }) => memory.reduce((sum, { megabytes }) => sum + megabytes, 0)));
  return [
    ...times,
    { name: 'memory', value: total, unit: 'MB' },
    ...names.map(
      (name): Figure => ({ name: `memory-${name.replaceAll(' ', '-')}`, value: megabytesOf(name), unit: 'MB' }),
    ),
  ];
}
