import { join } from 'node:path';
import type { PlannedProcess } from '../../deployment/launch.ts';
import type { DagsterInstance } from './instance-files.ts';

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
export const TAKE_DOTENV_AWAY = `if [ -e .env ] && [ ! -d .env ]; then
  rm -f .env
  echo "warning: .env was made by setup or prepare and is taken away: Dagster would put it over what the deployment is given. Say env in the app file."
fi`;

/** What setup and prepare may do that are made for production's images: `cp .env.production .env`, `cp dagster.yaml $DAGSTER_HOME`. */
const SCRIPT = `
${TAKE_DOTENV_AWAY}
if [ "$(cat "$1")" != "$(cat "$2")" ]; then
  cp "$1" "$2.$$" && mv "$2.$$" "$2"
  echo "warning: dagster.yaml in DAGSTER_HOME was changed by setup or prepare and is put right: storage and launcher are the deployment's own. Say dagster_yaml in the app file."
fi
runs=\${2%/*}/history/runs.db
: > "\${1%/*}/../starts"
shift 2
if grep -qas '"__local__"' "$runs" "$runs-wal"; then "$1" -I -c '${FORGET_STATES}' "$runs"; fi
exec "$@"`;

/** A code server, started in a place that setup and prepare have not led to another one's storage. */
export function keptApart(server: PlannedProcess, instance: DagsterInstance): PlannedProcess {
  const files = [instance.configuration, instance.home].map((folder) => join(folder, 'dagster.yaml'));
  return { ...server, argv: ['/bin/sh', '-c', SCRIPT, 'sh', ...files, ...server.argv] };
}
