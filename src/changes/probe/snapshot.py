"""The snapshot of a code location: plain data, in lists that are sorted."""

import gc
import platform
import sys
import warnings

from .asset_source import AssetSources
from .dagster_texts import DagsterTexts
from .dbt import description_of
from .load import load_repositories
from .locks import locks_of
from .reach import Reach
from .sling import is_version_of_whole_file

VERSION = 1
STUB = "dagster/auto_created_stub_asset"


def take_snapshot(options, own):
    import dagster

    warnings.simplefilter("ignore")
    repositories = load_repositories(options)
    # All that is there stays to the end, and what is made from here on has no cycles to look for.
    gc.disable()
    reach = Reach(own)
    note_foreign_module(options, own, reach)
    assets, nodes = {}, {}
    for repository in repositories:
        read_assets(repository, reach, assets, nodes)
    reach.finish()
    for key, node in nodes.items():
        assets[key]["source"] = reach.graph.fingerprint(node)
    return {
        "version": VERSION,
        "status": "loaded",
        "dagster": dagster.__version__,
        "python": platform.python_version(),
        "assets": [assets[key] for key in sorted(assets)],
        "jobs": names_of(repositories, lambda one: [job for job in one.job_names if not job.startswith("__")]),
        "schedules": names_of(repositories, lambda one: [schedule.name for schedule in one.schedule_defs]),
        "sensors": names_of(repositories, lambda one: [sensor.name for sensor in one.sensor_defs]),
        "locks": locks_of(own, reach.dbt_projects),
        "gaps": sorted(reach.gaps),
    }


def note_foreign_module(options, own, reach):
    """An environment may have another copy of the project installed, whose definitions are then read."""
    name = options.module_name or options.package_name or options.autoload_defs_module_name
    module = sys.modules.get(name or "")
    if module is not None and not own.has_module(module):
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        place = next((place for place in places if place), "elsewhere")
        reach.note_gap("%s: it lies outside of the project (%s)" % (name, own.portable(place)))


def failure(error, stack):
    """What is written where a location does not load."""
    return {
        "version": VERSION,
        "status": "failed",
        "reason": "%s: %s" % (type(error).__name__, error),
        "stack": stack,
    }


def names_of(repositories, names):
    return sorted({name for repository in repositories for name in names(repository)})


def read_assets(repository, reach, assets, nodes):
    """Adds the assets of a repository. What goes wrong with one is said with that one."""
    sources = AssetSources(reach, repository)
    texts = DagsterTexts(reach.own)
    graph = repository.asset_graph
    for asset in graph.asset_nodes:
        # Dagster makes these for keys that are only depended on: they belong to another location.
        if asset.is_external and STUB in asset.metadata:
            continue
        key = text_of(asset.key)
        errors = []
        assets[key] = describe(asset, key, graph, texts, errors)
        try:
            nodes[key] = sources.node_of(asset)
        except Exception as error:
            errors.append("source: %s: %s" % (type(error).__name__, error))
        assets[key]["error"] = "; ".join(errors) or None


def text_of(key):
    r"""A text that no other key has: `a/b`, and `a\/b` where that is one part (`AssetKey.to_escaped_user_string` of newer releases)."""
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in key.path)


def describe(asset, key, graph, texts, errors):
    """One asset. A part that cannot be read is left empty."""

    def part(name, read, otherwise):
        try:
            return read()
        except Exception as error:
            errors.append("%s: %s: %s" % (name, type(error).__name__, error))
            return otherwise

    return {
        "key": key,
        "dependencies": part("dependencies", lambda: dependencies_of(asset, graph, texts), []),
        "partitions": part("partitions", lambda: texts.partitions(asset.partitions_def), None),
        "tags": part("tags", lambda: dict(asset.tags), {}),
        "kinds": part("kinds", lambda: sorted(asset.kinds), []),
        "metadata": part("metadata", lambda: texts.metadata(asset.metadata), {}),
        "codeVersion": part("code version", lambda: texts.portable(asset.code_version), None),
        "codeVersionIsDerived": part("code version", lambda: is_version_of_whole_file(asset), False),
        "source": None,
        "group": part("group", lambda: asset.group_name, None),
        "owners": part("owners", lambda: [str(owner) for owner in asset.owners], []),
        "automationCondition": part("automation condition", lambda: texts.condition(asset.automation_condition), None),
        "description": part("description", lambda: texts.portable(description_of(asset)), None),
        "checks": part("checks", lambda: sorted(check.name for check in asset.check_keys), []),
        "isExternal": part("kind", lambda: asset.is_external, False),
    }


def dependencies_of(asset, graph, texts):
    """Parents by key. A partition mapping counts where one of the two assets has partitions, as in Dagster (`asset_node_snaps_from_repo`)."""
    mappings = asset.partition_mappings
    pairs = []
    for parent in asset.parent_keys:
        mapping = mappings.get(parent)
        counts = mapping is not None and (asset.partitions_def or graph.get(parent).partitions_def)
        pairs.append((text_of(parent), texts.mapping(mapping) if counts else None))
    return [{"key": key, "partitionMapping": mapping} for key, mapping in sorted(pairs, key=lambda pair: pair[0])]
