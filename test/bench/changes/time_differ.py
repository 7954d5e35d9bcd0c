"""Dagster's own comparison of two locations, as its webserver asks for it: `python time_differ.py BASE BRANCH`, files of load_location.py.

For each line that it reads it compares all assets and prints how long that took (ms) and how many differ.
"""

import gc
import sys
import time

from dagster._core.definitions.assets.graph.asset_graph_differ import AssetGraphDiffer
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteRepositoryAssetGraph
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.remote_representation.handle import RepositoryHandle
from dagster._serdes import deserialize_value


def received(path):
    with open(path, encoding="utf-8") as file:
        sent = deserialize_value(file.read(), RepositorySnap)
    return RemoteRepository(sent, RepositoryHandle.for_test(), auto_materialize_use_sensors=True, ref_to_data_fn=lambda _: None)


sides = [received(path) for path in sys.argv[1:3]]
gc.freeze()
print("ready", flush=True)
for _ in sys.stdin:
    # What a graph has worked out once it keeps: a new graph is compared once.
    base, branch = [RemoteRepositoryAssetGraph.build(side) for side in sides]
    keys = set(base.remote_asset_nodes_by_key) | set(branch.remote_asset_nodes_by_key)
    began = time.perf_counter()
    differ = AssetGraphDiffer(branch_asset_graph=branch, base_asset_graph=base)
    differing = sum(1 for key in keys if differ.get_changes_for_asset(key))
    print((time.perf_counter() - began) * 1000, differing, flush=True)
