"""Which code servers have runs that are under way, as the storage tells without Dagster: to load it takes seconds and 100 MB."""

import json
import pathlib
import sqlite3

# `.dagster/grpc_info` is what Dagster's DefaultRunLauncher leaves (GRPC_INFO_TAG).
HELD = """
select distinct run_tags.value from runs join run_tags on run_tags.run_id = runs.run_id
where runs.status in ('STARTING', 'STARTED', 'CANCELING') and run_tags.key = '.dagster/grpc_info'
"""


def held_runs(home):
    """Host and port of each."""
    storage = pathlib.Path(home) / "history" / "runs.db"
    with_storage = sqlite3.connect(storage.as_uri() + "?mode=ro", uri=True, timeout=10)
    try:
        tags = [json.loads(text) for (text,) in with_storage.execute(HELD)]
    finally:
        with_storage.close()
    return {(tag["host"], tag["port"]) for tag in tags if tag.get("port")}
