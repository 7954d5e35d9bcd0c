import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replaceShipped, shippedStep } from '../../../src/apps/dagster/keep-apart.ts';
import { stepsOfLocations } from '../../../src/apps/dagster/steps-of-locations.ts';
import type { DagsterLocation } from '../../../src/deployment/app-spec.ts';
import type { Place, Step } from '../../../src/deployment/launch.ts';
import { launchOf, readableLog, SERVER, sourceOf, stepOf, untilState } from '../../runtimes/apps.ts';
import { type ProcessWorld, processWorld } from '../../runtimes/process-world.ts';

const OWN = 'storage: the deployment\n';
const PRODUCTION = 'storage: production\n';
const COPY = 'cp production.yaml "$DAGSTER_HOME/dagster.yaml"';
/** Stands for Dagster: it says whose storage it would open. */
const DAGSTER = `echo "opens $(cat "$DAGSTER_HOME/dagster.yaml")"`;

const locationOf = (prepare: string, index: number): DagsterLocation => ({
  ...{ name: `shop${index}`, directory: '.', load: { kind: 'module', name: 'shop' }, optional: false },
  // What setup must have made: an environment whose Python finds dagster.
  setup: `mkdir -p .venv/bin && ln -s /bin/true .venv/bin/python && if [ -e production.yaml ]; then ${COPY}; fi`,
  prepare,
});

describe('a production dagster.yaml of the repository', () => {
  let world: ProcessWorld;
  let revision = 0;
  beforeAll(async () => {
    world = await processWorld();
  });
  afterAll(() => world?.dispose());

  /** Runs the steps of a plan over a tree with these files, and returns their log. */
  async function run(files: Readonly<Record<string, string>>, plan: (place: Place) => Promise<readonly Step[]>) {
    revision += 1;
    const name = `mr-7-shop-r${revision}`;
    const log = readableLog();
    const launch = launchOf(async (place) => ({
      files: [place.work, place.data].map((folder) => ({ path: join(folder, 'dagster.yaml'), content: OWN })),
      steps: await plan(place),
    }));
    await world.runtime.start(
      { name, deployment: 'mr-7-shop' },
      launch,
      sourceOf({ ...files, 'server.js': SERVER }),
      log,
    );
    await untilState(world.runtime, name, 'running').catch((error: unknown) => {
      throw new Error(`${error}\n${log.text()}`);
    });
    await world.runtime.stop(name);
    return log.text();
  }

  const instanceOf = (place: Place) => ({ configuration: place.work, home: place.data });
  const stepsOf = async (place: Place, ...prepares: string[]) => {
    const tools = { uv: 'uv', pythonDownloads: false, passEnv: { PATH: process.env.PATH ?? '' } };
    const values = { env: {}, secret: {} };
    const around = { place, tools, instance: instanceOf(place), storage: undefined };
    const locations = prepares.map((one, index) => ({
      location: locationOf(one, index),
      ...{ forSetup: values, written: {} },
    }));
    return stepsOfLocations(locations, { projectId: 1, app: '', env: {} }, around);
  };

  it('is the deployment’s own where prepare copies it and starts Dagster at once', async () => {
    const prepare = `cp deploy/.home/dagster.yaml "$DAGSTER_HOME" && ${DAGSTER}`;
    const log = await run({ 'deploy/.home/dagster.yaml': PRODUCTION }, async (place) => [
      (await shippedStep(place, instanceOf(place))) as Step,
      ...(await stepsOf(place, prepare)),
    ]);

    expect(log).toContain('opens storage: the deployment\n');
    expect(log).not.toContain('opens storage: production');
  });

  it('that has another name, and was copied by setup or the prepare before, is put right before the next', async () => {
    const log = await run({ 'production.yaml': PRODUCTION }, async (place) => {
      expect(await shippedStep(place, instanceOf(place))).toBeUndefined();
      return stepsOf(place, `${DAGSTER} && ${COPY}`, `echo next && ${DAGSTER}`);
    });

    const warning = 'warning: dagster.yaml in DAGSTER_HOME was changed by setup or prepare and is put right';
    expect(log.split(warning)).toHaveLength(3);
    expect(log).toContain('next\nopens storage: the deployment\n');
    expect(log).not.toContain('opens storage: production');
  });

  it('is replaced also where it is a link, and what that leads to stays', async () => {
    const log = await run({ 'production.yaml': PRODUCTION, 'a b/.venv/dagster.yaml': PRODUCTION }, async (place) => [
      stepOf(place, 'link', 'ln -s ../production.yaml "a b/dagster.yaml"'),
      stepOf(place, 'replace', replaceShipped(place.tree, join(place.work, 'dagster.yaml'))),
      stepOf(place, 'look', 'for file in production.yaml "a b/dagster.yaml"; do echo "$file: $(cat "$file")"; done'),
    ]);

    expect(log).toContain('production.yaml: storage: production\na b/dagster.yaml: storage: the deployment\n');
  });

  it('is replaced before the setups, which do not wait for the webserver’s environment because of it', async () => {
    const log = await run({ 'dagster.yaml': PRODUCTION }, async (place) => [
      {
        ...stepOf(place, 'webserver', 'until [ -e .venv/bin/python ]; do sleep 0.01; done'),
        makesShared: { path: join(place.shared, 'webserver') },
      },
      (await shippedStep(place, instanceOf(place))) as Step,
      ...(await stepsOf(place, `cp dagster.yaml "$DAGSTER_HOME" && ${DAGSTER}`)),
    ]);

    expect(log).toContain('opens storage: the deployment\n');
  });
});
