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
  /** `DAGSTER_HOME` of the app's code: the deployment's, so that runs stay from revision to revision. */
  readonly home: string;
  /**
   * `DAGSTER_HOME` of webserver and daemon: a folder of this instance that holds `dagster.yaml` alone and is told to nobody. Setup and
   * prepare run beside them, and what they write into the other one changes neither whose runs are launched nor where these are kept.
   */
  readonly configuration: string;
  readonly workspace: string;
  readonly files: LaunchPlan['files'];
}

/** What every `dagster.yaml` says. Without `nux` every preview greets its reader with a dialog over the whole page. */
const OWN_SETTINGS = { telemetry: { enabled: false }, nux: { enabled: false } };

/** `DAGSTER_HOME` of a deployment. */
export const dagsterHome = (place: Place): string => join(place.data, 'dagster-home');

/** Dagster's defaults for a `DAGSTER_HOME`, said in full (dagster/_core/instance/ref.py): they count for both folders. */
function storageIn(home: string): Record<string, unknown> {
  const root = { module: 'dagster._core.storage.root', class: 'LocalArtifactStorage' };
  const logs = { module: 'dagster._core.storage.local_compute_log_manager', class: 'LocalComputeLogManager' };
  return {
    storage: { sqlite: { base_dir: home } },
    local_artifact_storage: { ...root, config: { base_dir: home } },
    compute_logs: { ...logs, config: { base_dir: join(home, 'storage') } },
  };
}

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
  const configuration = join(place.work, 'dagster-instance');
  const settings = { ...spec.dagsterYaml, ...runSettings(spec), ...storageIn(home), ...OWN_SETTINGS };
  const content = stringify(settings, { version: '1.1' });
  return {
    home,
    configuration,
    workspace,
    files: [
      { path: join(configuration, 'dagster.yaml'), content },
      { path: join(home, 'dagster.yaml'), content },
      { path: workspace, content: stringify({ load_from }) },
    ],
  };
}
