"""What a component is made of: its attributes (`defs.yaml`), its class, and the other files of its folder."""

import os

from .project_files import files_below
from .reach_code import is_own_class
from .reach_instances import declared_fields, own_attributes

ORIGIN = "dagster/component_origin"
REFERENCES = "dagster/code_references"
DECLARATIONS = frozenset(["defs.yaml", "component.yaml"])


def component_edges(reach, asset):
    origin = getattr(asset.metadata.get(ORIGIN), "instance", None)
    if origin is None:
        return []
    cls = type(origin)
    attributes = declared_fields(origin) or {}
    if is_own_class(reach, cls) or not attributes:
        attributes = {**own_attributes(origin), **attributes}
    edges = [("component " + name, reach.node_of(value)) for name, value in attributes.items()]
    edges.append(
        ("component class", reach.node_of(cls) if is_own_class(reach, cls) else reach.text_node(cls.__qualname__))
    )
    for file in files_of_component(reach, asset):
        edges += reach.path_edges(file)
    return edges


def files_of_component(reach, asset):
    """Files of the folder whose YAML declares the component. A folder below with a declaration is another component's."""
    folder = folder_of_component(reach, asset)
    files = files_below(folder) if folder else None
    if not files:
        return []
    others = {os.path.dirname(file) for file in files if os.path.basename(file) in DECLARATIONS} - {folder}
    replications = any(key.endswith("sling_replication_config") for key in asset.metadata)
    return [
        file
        for file in files
        if os.path.basename(file) not in DECLARATIONS
        and not any(file.startswith(other + os.sep) for other in others)
        # Sling's streams are looked at one by one.
        and not (replications and file.endswith((".yaml", ".yml")))
    ]


def folder_of_component(reach, asset):
    references = getattr(asset.metadata.get(REFERENCES), "code_references", None) or []
    for reference in references:
        path = getattr(reference, "file_path", "")
        if os.path.basename(path) in DECLARATIONS and reach.own.has(path):
            return os.path.dirname(os.path.realpath(path))
    return None
