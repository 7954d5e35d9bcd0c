import { ProblemError } from '../../errors.ts';
import { LOCATION_NAME, PYTHON_MODULE, PYTHON_NAME } from '../location-names.ts';
import { kindInTree, resolveInTree } from '../tree-files.ts';
import type { Declared, Found } from './layouts/layout.ts';

/**
 * Checks what was declared, wherever it was: names, and that folders and files are there.
 * @throws ProblemError 422 that names the location and what to change
 */
export async function checkDeclared(tree: string, found: Found): Promise<void> {
  const names = found.locations.map((one) => one.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    throw new ProblemError(
      'two-of-one-name',
      422,
      `${found.why}, and two of them have the name "${twice}". Give each a name of its own (code_location_name, location_name or name).`,
    );
  }
  for (const one of found.locations) await checkLocation(tree, one);
}

async function checkLocation(tree: string, { name, directory, load, attribute, importsFrom }: Declared): Promise<void> {
  if (!LOCATION_NAME.test(name)) {
    throw new ProblemError(
      'location-name',
      422,
      `The name of location ${JSON.stringify(name.slice(0, 120))} has control characters or more than 120 characters.`,
    );
  }
  if (load.kind !== 'file' && !PYTHON_MODULE.test(load.name)) {
    throw new ProblemError(
      'location-module',
      422,
      `Location ${name}: ${JSON.stringify(load.name)} is not the name of a Python ${load.kind === 'package' ? 'package' : 'module'}.`,
    );
  }
  if (attribute !== undefined && !PYTHON_NAME.test(attribute)) {
    throw new ProblemError(
      'location-attribute',
      422,
      `Location ${name}: the attribute ${JSON.stringify(attribute)} is not a Python name.`,
    );
  }
  for (const folder of [directory, importsFrom ?? directory]) {
    if ((await kindInTree(tree, folder)) === 'folder') continue;
    throw new ProblemError(
      'no-location-directory',
      422,
      `Location ${name}: there is no folder "${folder}" in what was uploaded.`,
    );
  }
  if (load.kind !== 'file') return;
  const path = resolveInTree(directory, load.path);
  if (path === undefined || (await kindInTree(tree, path)) !== 'file') {
    throw new ProblemError(
      'no-location-file',
      422,
      `Location ${name}: there is no file "${path ?? load.path}" in what was uploaded.`,
    );
  }
}
