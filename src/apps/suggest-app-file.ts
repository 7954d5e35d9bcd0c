import { APP_FILE } from './app-file/schema.ts';
import { kindInTree, readInTree, resolveInTree } from './tree-files.ts';

/** What to write where nothing was recognised: the smallest app file that would work, as far as the folder's files tell. */
export async function suggestAppFile(tree: string, directory: string): Promise<string> {
  const where = directory === '.' ? 'the root of what was uploaded' : `the folder "${directory}"`;
  const place = directory === '.' ? APP_FILE : `${directory}/${APP_FILE}`;
  return [
    `Nothing that can be run was recognised in ${where} (the component's input "directory"): there is no ${APP_FILE}, dg.toml, [tool.dg] or [tool.dagster] in pyproject.toml, dagster_cloud.yaml or workspace.yaml.`,
    `If the app lies in another folder, set the input "directory" to it. Else add the file ${place}, for a web application:`,
    '',
    ...(await suggestCommand(tree, directory)),
    '',
    'or for a Dagster project:',
    '',
    'locations:',
    '  - { name: main, module: my_project.definitions }',
  ].join('\n');
}

async function suggestCommand(tree: string, directory: string): Promise<string[]> {
  const has = async (name: string): Promise<boolean> =>
    (await kindInTree(tree, resolveInTree(directory, name) as string)) === 'file';
  if (await has('package.json')) {
    const text = (await readInTree(tree, resolveInTree(directory, 'package.json') as string)) ?? '';
    const start = /"start"\s*:/.test(text) ? 'npm start' : 'node server.js';
    return [...((await has('package-lock.json')) ? ['setup: npm ci'] : []), `start: ${start}`];
  }
  if (await has('uv.lock')) return ['setup: uv sync --locked', 'start: .venv/bin/python app.py'];
  return [`start: python3 -m http.server "$PORT" --bind "$HOST"`];
}
