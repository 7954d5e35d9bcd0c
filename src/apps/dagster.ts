import { resolve } from 'node:path';
import type { DagsterSpec } from '../deployment/app-spec.ts';
import type { Launch, LaunchPlan, Place } from '../deployment/launch.ts';
import { appValues, variableFiles } from './app-values.ts';
import { withBaseFolder } from './dagster/base-files.ts';
import { createLocationCheck } from './dagster/check-locations.ts';
import { codeServer, locationPort } from './dagster/code-server.ts';
import { createDefinitionsReader } from './dagster/definitions-reading.ts';
import { instanceFiles } from './dagster/instance-files.ts';
import { keptApart, shippedStep } from './dagster/keep-apart.ts';
import type { LocationTools } from './dagster/location-steps.ts';
import { planRuns, RUNS } from './dagster/runs.ts';
import { stepsOfLocations } from './dagster/steps-of-locations.ts';
import { storageStep, webserver, webserverPython, webserverStep } from './dagster/webserver.ts';
import { persistedFolders } from './persisted-folders.ts';
import type { LaunchContext, Preset } from './preset.ts';

/** As a Dagster+ agent runs a branch: a webserver and a daemon of the service's, a code server per location, each in its own environment. */
export function createDagsterPreset(tools: LocationTools): Preset<DagsterSpec> {
  return {
    name: 'dagster',
    launch: (spec, context): Launch => ({
      ports: ['webserver', ...spec.locations.map((_, index) => locationPort(index))],
      plan: (place) => planDagster(spec, context, { place, tools }),
    }),
    health: createLocationCheck(),
    background: RUNS,
    definitions: createDefinitionsReader(tools),
  };
}

async function planDagster(
  spec: DagsterSpec,
  given: LaunchContext,
  options: { place: Place; tools: LocationTools },
): Promise<LaunchPlan> {
  const { place, tools } = options;
  const context = withBaseFolder(spec, given, place);
  const servers = spec.locations.map((location, index) => {
    const own = { ...spec, dotenv: { ...spec.dotenv, ...location.dotenv } };
    const values = appValues(own, context, { place });
    const forSetup = appValues(own, context, { place, isSetup: true });
    const written = { ...own.dotenv, ...spec.env };
    return { location, port: place.ports[locationPort(index)] as number, values, forSetup, written };
  });
  const instance = instanceFiles(spec, place, servers);
  const runs = planRuns(spec, place, { env: context.env, instance, servers, python: webserverPython(spec, place) });
  const storage = await storageStep(spec, place, { instance });
  const shipped = await shippedStep(place, instance);
  const steps = [
    webserverStep(spec, place, { tools }),
    runs.step,
    ...(shipped ? [shipped] : []),
    ...(await stepsOfLocations(servers, context, { place, tools, instance, storage })),
  ];
  const folders = new Set([spec.directory, ...spec.locations.map((one) => one.directory)]);
  return {
    removeFromTree: [...folders].map((folder) => resolve(place.tree, folder, '.env')),
    persist: persistedFolders(spec, place),
    files: [...instance.files, ...variableFiles(context, place), ...runs.files],
    steps,
    processes: [
      webserver(spec, place, { env: context.env, instance }),
      ...servers.map((server) => keptApart(codeServer(server, place, { tools, dagsterHome: instance.home }), instance)),
      runs.process,
    ],
  };
}
