"""Asks the probe and Dagster's own comparison about pairs of projects: `python ask_differ.py PROBE FOLDER`.

FOLDER has a file `<pair>_base.py` and a file `<pair>_branch.py` for each pair. Prints, for each, both snapshots and the reasons of Dagster's
`AssetGraphDiffer` by asset key. One process: Dagster's own loading of a project is quick, its import is not.
"""

import importlib
import json
import os
import sys

PROBE, FOLDER = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.dirname(PROBE))
probe = os.path.basename(PROBE)
parse = importlib.import_module(probe + ".main").parse
OwnCode = importlib.import_module(probe + ".own_code").OwnCode
snapshot = importlib.import_module(probe + ".snapshot")
load_repositories = importlib.import_module(probe + ".load").load_repositories

from dagster._core.definitions.assets.graph.asset_graph_differ import AssetGraphDiffer  # noqa: E402
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteRepositoryAssetGraph  # noqa: E402
from dagster._core.remote_representation.external import RemoteRepository  # noqa: E402
from dagster._core.remote_representation.external_data import RepositorySnap  # noqa: E402
from dagster._core.remote_representation.handle import RepositoryHandle  # noqa: E402
from dagster._serdes import deserialize_value, serialize_value  # noqa: E402


def graph_of(options):
    """The asset graph as a webserver has it, without what stands for assets of other locations."""
    (repository,) = load_repositories(options)
    sent = deserialize_value(serialize_value(RepositorySnap.from_def(repository)), RepositorySnap)
    remote = RemoteRepository(sent, RepositoryHandle.for_test(), auto_materialize_use_sensors=True)
    graph = RemoteRepositoryAssetGraph.build(remote)
    return RemoteRepositoryAssetGraph(
        remote_asset_nodes_by_key={
            key: node for key, node in graph.remote_asset_nodes_by_key.items() if snapshot.STUB not in node.metadata
        },
        remote_asset_check_nodes_by_key={},
        remote_asset_job_nodes_by_key={},
    )


def reasons_of(base, branch):
    differ = AssetGraphDiffer(branch_asset_graph=branch, base_asset_graph=base)
    keys = set(base.remote_asset_nodes_by_key) | set(branch.remote_asset_nodes_by_key)
    return {key.to_user_string(): sorted(one.value for one in differ.get_changes_for_asset(key)) for key in keys}


def main():
    pairs = sorted(name[: -len("_base.py")] for name in os.listdir(FOLDER) if name.endswith("_base.py"))
    own, answers = OwnCode(FOLDER, FOLDER), {}
    for pair in pairs:
        sides = [parse(["--output", "-", "-d", FOLDER, "-f", "%s_%s.py" % (pair, side)]) for side in ("base", "branch")]
        base, branch = [snapshot.take_snapshot(options, own) for options in sides]
        reasons = reasons_of(*[graph_of(options) for options in sides])
        answers[pair] = {"base": base, "branch": branch, "reasons": reasons}
    print(json.dumps(answers))


os.chdir(FOLDER)
main()
