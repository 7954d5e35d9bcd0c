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

/** A push of code alone does nothing that the one of a dependency does not. */
const QUICK_PUSHES: readonly Push[] = ['cold', 'dependency'];

interface Round {
  readonly pushes: ReadonlyArray<{ readonly push: Push; readonly service: number; readonly byHand: number }>;
  readonly memory: readonly MemoryOfProcess[];
}

/**
 * The shipped example, pushed through the service, against the bare commands in the same minute. Each round is a new service and a new
 * folder; packages come from one warm cache, for the network is nobody's share. What is begun cold includes the webserver's environment.
 */
export async function benchDagster({ quick }: { readonly quick: boolean }): Promise<readonly Figure[]> {
  const uv = findUv();
  if (uv === undefined) {
    console.log('skipped: uv is not installed (pip install uv)');
    return [];
  }
  const own = mkdtempSync(join(tmpdir(), 'bd-bench-dagster-'));
  process.env.BD_TEST_UV_CACHE ??= join(own, 'uv-cache');
  // A single round is not for the figures, and need not make it.
  if (!quick) delete process.env.BD_TEST_WEBSERVER;
  try {
    const example = shippedExample(uv, { folder: own, isSmall: quick });
    const pushes = quick ? QUICK_PUSHES : PUSHES;
    if (!quick) await playRound(uv, example, { pushes, quick }); // warms the cache
    const rounds: Round[] = [];
    for (let round = 1; round <= (quick ? 1 : 5); round += 1)
      rounds.push(await playRound(uv, example, { pushes, quick }));
    return figuresOf(rounds);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** A first deployment and the pushes after it, each on both sides. */
async function playRound(
  uv: string,
  example: DaysWork,
  { pushes, quick }: { pushes: readonly Push[]; quick: boolean },
): Promise<Round> {
  const door = await openDoor();
  const hand = new HandDeployment(uv, door.passEnv);
  try {
    const times: Array<Round['pushes'][number]> = [];
    for (const push of pushes) times.push({ push, ...(await both(push, example, { door, hand, quick })) });
    return { pushes: times, memory: memoryByProcess(door.dataDir) };
  } finally {
    await door.close();
    hand.close();
  }
}

async function both(
  push: Push,
  example: DaysWork,
  sides: { door: DoorClient; hand: HandDeployment; quick: boolean },
): Promise<{ service: number; byHand: number }> {
  const { door, hand, quick } = sides;
  const service = await door.deploy(await example.archive(push));
  // Copies that are made ahead, at the lowest priority, are not worth waiting for where figures are not the point.
  await (quick ? door.alone() : door.quiet());
  example.writeInto(hand.folder, push);
  return { service, byHand: await hand.deploy(await locationsOf(hand.folder)) };
}

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
