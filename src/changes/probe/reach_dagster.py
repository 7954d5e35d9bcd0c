"""Dagster's own definitions, where code or an asset reaches them."""

import types


def describe_definition(reach, value):
    """Ops, graphs and resources lead on; jobs, sensors, schedules, assets and whole locations end the way."""
    from dagster import GraphDefinition, OpDefinition, ResourceDefinition

    if isinstance(value, OpDefinition):
        return describe_op(reach, value)
    if isinstance(value, GraphDefinition):
        return describe_graph(reach, value)
    if isinstance(value, ResourceDefinition):
        return describe_resource(reach, value)
    if type(value).__name__ == "PartialResource":
        return "resource set at launch", [
            ("class", reach.node_of(value.resource_cls)),
            ("values", reach.node_of(value.data)),
        ]
    kind = type(value)
    if not kind.__module__.startswith("dagster."):
        return None
    if kind.__name__ == "AssetKey":
        return "asset key %r" % (value.path,), []
    if kind.__name__ == "AssetsDefinition":
        return "asset %r" % (sorted(key.to_user_string() for key in value.keys),), []
    if kind.__name__.endswith("PartitionsDefinition"):
        return "partitions " + str(value.get_serializable_unique_identifier()), []
    if kind.__name__.endswith(("Definition", "Definitions")):
        return "definition", []
    return None


def describe_op(reach, op):
    function = op.compute_fn
    function = getattr(function, "decorated_fn", function)
    edges = [("function", reach.node_of(function))]
    # Dagster takes no annotation here that is written as a text.
    config = getattr(function, "__annotations__", {}).get("config")
    if isinstance(config, type):
        edges.append(("config", reach.node_of(config)))
    return "op", edges + config_edges(reach, op)


def describe_graph(reach, graph):
    """Which op takes what from which other one, and the ops."""
    edges = [("node " + definition.name, reach.node_of(definition)) for definition in graph.node_defs]
    for invocation, inputs in graph.dependencies.items():
        name = invocation if isinstance(invocation, str) else "%s %s" % (invocation.name, invocation.alias)
        wires = sorted("%s %s" % (to, wire_text(wire)) for to, wire in inputs.items())
        edges.append(("invocation " + name, reach.text_node("\n".join(wires))))
    mapping = getattr(graph, "config_mapping", None)
    if mapping is not None:
        edges.append(("config", reach.node_of(mapping.config_fn)))
    return "graph", edges


def wire_text(wire):
    """Where an input comes from: one output, several, or all of a dynamic one."""
    inner = getattr(wire, "dependencies", None)
    if isinstance(inner, (list, tuple)):
        return "%s(%s)" % (type(wire).__name__, ", ".join(wire_text(one) for one in inner))
    return "%s(%s, %s)" % (
        type(wire).__name__,
        getattr(wire, "node", ""),
        getattr(wire, "output", getattr(wire, "output_name", "")),
    )


def describe_resource(reach, resource):
    """A Pythonic resource is its object; others are their function and the configuration that is bound to them."""
    function = resource.resource_fn
    instance = getattr(function, "__self__", None)
    if isinstance(function, types.MethodType) and hasattr(instance, "get_resource_definition"):
        return "resource", [("object", reach.node_of(instance))]
    edges = [("function", reach.node_of(function))]
    cls = getattr(resource, "configurable_resource_cls", None)
    if isinstance(cls, type):
        edges.append(("class", reach.node_of(cls)))
    return "resource", edges + config_edges(reach, resource)


def config_edges(reach, definition):
    """Default values of a configuration, and what `configured` has bound."""
    schema = getattr(definition, "config_schema", None)
    bound = getattr(schema, "_config_fn", None)
    if bound is not None:
        return [("configured", reach.node_of(bound))]
    field = schema.as_field() if schema is not None and hasattr(schema, "as_field") else None
    if field is None or not getattr(field, "default_provided", False):
        return []
    return [("default", reach.node_of(field.default_value))]
