import { type DoorClient, openDoor } from './door-client.ts';
import { dagsterSide } from './redeploy-dagster.ts';
import { nodeSide } from './redeploy-node.ts';
import { type Figure, median } from './report.ts';

/** An app on both sides: pushed through the service, and started by hand. */
export interface Side {
  readonly name: string;
  /** A push whose code differs from every other one's. */
  archive(round: number): Promise<Buffer>;
  /**
   * Starts the same app by hand, in a folder that is set up already; ms from the start to the answer that health asks for.
   *
   * @param machine variables of this machine that both sides get: Node reads all of `NODE_EXTRA_CA_CERTS` when it starts, some 50 ms
   */
  startByHand(round: number, machine: Readonly<Record<string, string>>): Promise<number>;
  close(): Promise<void>;
}

/** Push (upload started) to healthy with warm caches, against the app's own start: the service's share is what is above 1. */
export async function benchRedeploy({ quick }: { readonly quick: boolean }): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const open of [nodeSide, dagsterSide]) {
    const side = await open({ quick });
    if (typeof side === 'string') {
      console.log(`skipped: ${side}`);
      continue;
    }
    const door = await openDoor();
    try {
      figures.push(...(await measure(side, door, quick)));
    } finally {
      await door.close();
      await side.close();
    }
  }
  return figures;
}

async function measure(side: Side, door: DoorClient, quick: boolean): Promise<Figure[]> {
  const rounds: Array<{ push: number; byHand: number }> = [];
  // A single round is not for the figures: it is the first.
  if (!quick) {
    await door.deploy(await side.archive(0)); // warms caches: setup outputs, the service's own environments
    await side.startByHand(0, door.passEnv);
  }
  for (let round = 1; round <= (quick ? 1 : 7); round += 1) {
    if (!quick) await door.quiet();
    const push = await door.deploy(await side.archive(round));
    // On an equally quiet machine; copies that are made ahead are not worth waiting for where figures are not the point.
    await (quick ? door.alone() : door.quiet());
    rounds.push({ push, byHand: await side.startByHand(round, door.passEnv) });
  }
  return [
    { name: `${side.name}-push`, value: median(rounds.map((r) => r.push)), unit: 'ms' },
    { name: `${side.name}-by-hand`, value: median(rounds.map((r) => r.byHand)), unit: 'ms' },
    {
      name: `${side.name}-ratio`,
      value: median(rounds.map((r) => r.push / r.byHand)),
      unit: '',
      goal: { atMost: 1.15 },
    },
  ];
}
