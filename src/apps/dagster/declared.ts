import { findDagsterCloudYaml } from './layouts/dagster-cloud-yaml.ts';
import { findDg } from './layouts/dg.ts';
import type { Folder, Found } from './layouts/layout.ts';
import { findToolDagster } from './layouts/tool-dagster.ts';
import { findWorkspaceYaml } from './layouts/workspace-yaml.ts';

/**
 * The code locations that a folder declares, by the first file that declares any (README, "The app"); undefined where none does.
 * @throws ProblemError 422 where that file cannot be used, with what to change
 */
export async function findDeclared(folder: Folder): Promise<Found | undefined> {
  for (const find of [findDg, findDagsterCloudYaml, findWorkspaceYaml, findToolDagster]) {
    const found = await find(folder);
    if (found) return found;
  }
  return undefined;
}
