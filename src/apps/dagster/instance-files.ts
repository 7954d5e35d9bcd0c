import { join } from 'node:path';
import { stringify } from 'yaml';
import type { DagsterLocation, DagsterSpec } from '../../deployment/app-spec.ts';
import type { LaunchPlan, Place } from '../../deployment/launch.ts';
import type { AppValues } from '../app-values.ts';
import { runSettings } from './run-settings.ts';

/** A code server that the webserver is told of. */
export interface ServedLocation {
  readonly location: DagsterLocation;
  readonly port: number;
  /** What the location's code is given. */
  readonly values: AppValues;
}

/** The deployment's own Dagster instance. */
export interface DagsterInstance {
  /** `DAGSTER_HOME`: the deployment's, so that runs stay from revision to revision. */
  readonly home: string;
  readonly workspace: string;
  readonly files: LaunchPlan['files'];
}

/**
 * What every `dagster.yaml` says. Storage and logs stay at their defaults, which lie in `DAGSTER_HOME`. Without `nux` every preview greets
 * its reader with a dialog over the whole page.
 */
const OWN_SETTINGS = { telemetry: { enabled: false }, nux: { enabled: false } };

/** `DAGSTER_HOME` of a deployment. */
export const dagsterHome = (place: Place): string => join(place.data, 'dagster-home');

/**
 * `dagster.yaml` and `workspace.yaml`, both the service's. Of the repository's it has what recognition took over, below what is the
 * deployment's own. PyYAML reads it, for which an unquoted `on` is true.
 */
export function instanceFiles(spec: DagsterSpec, place: Place, servers: readonly ServedLocation[]): DagsterInstance {
  const home = dagsterHome(place);
  const workspace = join(place.work, 'workspace.yaml');
  const load_from = servers.map(({ location, port }) => ({
    grpc_server: { host: place.host, port, location_name: location.name },
  }));
  const settings = { ...spec.dagsterYaml, ...runSettings(spec), ...OWN_SETTINGS };
  return {
    home,
    workspace,
    files: [
      { path: join(home, 'dagster.yaml'), content: stringify(settings, { version: '1.1' }) },
      { path: workspace, content: stringify({ load_from }) },
    ],
  };
}
