import { join, posix } from 'node:path';
import type { Place, PlannedProcess, Step } from '../../deployment/launch.ts';
import { namesInTree } from '../tree-names.ts';
import type { DagsterInstance } from './instance-files.ts';
import { quote } from './quote.ts';

/**
 * dg remembers in the storage that it made the state of a component in the project's folder (`DefsStateStorage.set_latest_version`), and
 * Dagster then takes the component for one with state, also in a later push that made none. It does not read it for anything else: where the
 * state is there, it sees so itself. State that lies in the storage stays.
 */
const FORGET_STATES = `
import json, pathlib, sqlite3, sys

KEY = ("__latest_defs_state_info__",)
database = sqlite3.connect(pathlib.Path(sys.argv[1]).as_uri() + "?mode=rw", uri=True, timeout=10)
with database:
    database.execute("begin immediate")
    row = database.execute("select value from kvs where key = ?", KEY).fetchone()
    info = json.loads(row[0]) if row else {"info_mapping": {}}
    states = info["info_mapping"]
    info["info_mapping"] = {key: one for key, one in states.items() if not one or one["version"] != "__local__"}
    if len(info["info_mapping"]) < len(states):
        database.execute("update kvs set value = ? where key = ?", (json.dumps(info), *KEY))
`;

/**
 * For `sh`, in a folder that Dagster or dg is about to start in: they put its `.env` over their environment (`_inject_local_env_file` in
 * dagster/_cli/utils.py), for each run anew.
 */
const TAKE_DOTENV_AWAY = `if [ -e .env ] && [ ! -d .env ]; then
  rm -f .env
  echo "warning: .env was made by setup or prepare and is taken away: Dagster would put it over what the deployment is given. Say env in the app file."
fi`;

/** For `sh`: the deployment's own `dagster.yaml` is in `DAGSTER_HOME`, whatever has been put there. `right` and `found` are words of the shell. */
const putRight = (right: string, found: string): string => `if [ "$(cat ${right})" != "$(cat ${found})" ]; then
  cp ${right} ${found}.$$ && mv ${found}.$$ ${found}
  echo "warning: dagster.yaml in DAGSTER_HOME was changed by setup or prepare and is put right: storage and launcher are the deployment's own. Say dagster_yaml in the app file."
fi`;

/** The files that must say the same: what is right, and what the app's code finds. */
const instanceFilesOf = ({ configuration, home }: Apart): [right: string, found: string] => [
  join(configuration, 'dagster.yaml'),
  join(home, 'dagster.yaml'),
];

type Apart = Pick<DagsterInstance, 'configuration' | 'home'>;

/** For `sh`, in the location's folder: what its prepare starts finds neither a `.env` nor another one's storage, whatever was done before it. */
export function apartBeforePrepare(instance: Apart): string {
  const [right, found] = instanceFilesOf(instance).map(quote) as [string, string];
  return `${TAKE_DOTENV_AWAY}\n${putRight(right, found)}\n`;
}

/** Not the project's own, or nothing that `prepare` would name. */
const NO_PROJECT = ['.git', '.venv', 'node_modules'] as const;

const SKIPPED = new RegExp(`^(${NO_PROJECT.map((name) => name.replace('.', '\\.')).join('|')})$`);

/**
 * For `sh`: puts the deployment's `dagster.yaml` in place of each one of that name below a folder, for `prepare` may copy it to
 * `DAGSTER_HOME` and start Dagster at once. Links are replaced, and not followed.
 * @param file what is put there, a path
 */
export function replaceShipped(tree: string, file: string): string {
  const skipped = NO_PROJECT.map((name) => `-name ${name}`).join(' -o ');
  const each = `rm -f -- "$1" && cp -- "$0" "$1"`;
  return `find ${quote(tree)} \\( ${skipped} \\) -prune -o -name dagster.yaml ! -type d -exec sh -c ${quote(each)} ${quote(file)} {} \\;`;
}

/** Puts production's `dagster.yaml` out of the reach of what setup and prepare do; undefined where the tree has none. */
export async function shippedStep(place: Place, instance: Apart): Promise<Step | undefined> {
  const { files, links, isAll } = await namesInTree(place.tree, { skipped: SKIPPED });
  const isShipped = (path: string): boolean => posix.basename(path) === 'dagster.yaml';
  if (isAll && ![...files, ...links].some(isShipped)) return undefined;
  const [own] = instanceFilesOf(instance);
  return {
    name: 'dagster.yaml of the repository',
    directory: place.tree,
    command: `# the deployment's own is put in its place\n${replaceShipped(place.tree, own)}`,
    env: {},
    besideShared: true,
  };
}

/** What setup and prepare may do that are made for production's images: `cp .env.production .env`, `cp production.yaml $DAGSTER_HOME/dagster.yaml`. */
const SCRIPT = `
${TAKE_DOTENV_AWAY}
${putRight('"$1"', '"$2"')}
runs=\${2%/*}/history/runs.db
: > "\${1%/*}/../starts"
shift 2
if grep -qas '"__local__"' "$runs" "$runs-wal"; then "$1" -I -c '${FORGET_STATES}' "$runs"; fi
exec "$@"`;

/** A code server, started in a place that setup and prepare have not led to another one's storage. */
export function keptApart(server: PlannedProcess, instance: DagsterInstance): PlannedProcess {
  return { ...server, argv: ['/bin/sh', '-c', SCRIPT, 'sh', ...instanceFilesOf(instance), ...server.argv] };
}
