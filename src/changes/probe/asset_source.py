"""The node of everything that an asset is made of: its ops, resources, component, and what integrations read for it."""

from .components import component_edges
from .dbt import DbtSources
from .sling import sling_edges


class AssetSources:
    """One for a repository: resources of the location are looked up by key."""

    def __init__(self, reach, repository):
        self._reach = reach
        self._resources = repository.get_top_level_resources()
        self._dbt = DbtSources(reach)
        self._of_definition = {}

    def node_of(self, asset):
        """The node of one asset of Dagster's asset graph. An asset that nothing here makes has no source but that."""
        if not asset.is_executable:
            return self._reach.text_node("not made here")
        edges = [("definition", self._node_of_definition(asset.assets_def))]
        edges += self._dbt.edges(asset)
        edges += sling_edges(self._reach, asset)
        edges += component_edges(self._reach, asset)
        return self._reach.graph.add("asset", edges)

    def _node_of_definition(self, definition):
        """One definition may make thousands of assets."""
        known = self._of_definition.get(id(definition))
        if known is None:
            edges = [("node", self._reach.node_of(definition.node_def))]
            edges += self._resource_edges(definition)
            node = self._reach.graph.add("definition", edges)
            known = self._of_definition[id(definition)] = (node, definition)
        return known[0]

    def _resource_edges(self, definition):
        """Resources that it asks for, and those that these ask for; its own come before the location's."""
        resources = {**self._resources, **definition.resource_defs}
        wanted, edges, seen = list(definition.required_resource_keys), [], set()
        while wanted:
            key = wanted.pop()
            if key in seen or key not in resources:
                continue
            seen.add(key)
            edges.append(("resource " + key, self._reach.node_of(resources[key])))
            wanted += resources[key].required_resource_keys
        return edges
