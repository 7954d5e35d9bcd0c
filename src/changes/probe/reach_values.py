"""Values: texts, numbers, containers, paths, times."""

import collections
import datetime
import decimal
import enum
import fractions
import os
import pathlib
import re
import time
import types
import uuid

PLAIN = frozenset([str, int, float, bool, bytes, complex, type(None)])
SEQUENCES = (list, tuple, collections.deque)
SETS = (set, frozenset)
MAPPINGS = (dict, types.MappingProxyType)
WITH_PLAIN_TEXT = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    range,
)
STARTED = time.time()


def describe_plain(reach, value):
    """A plain value and, for a text, the file of the project that it names."""
    if type(value) is str:
        return "str " + reach.own.portable(value), reach.file_edges(value)
    return "%s %r" % (type(value).__name__, value), []


def describe_marked_text(reach, value):
    """Values that are read later: an environment variable counts by its name, a secret by its value."""
    kind = type(value)
    if kind.__name__ in ("EnvVar", "IntEnvVar") and kind.__module__.startswith("dagster"):
        name = getattr(value, "env_var_name", None) or getattr(value, "name", None) or str.__str__(value)
        return "environment variable " + name, []
    if kind.__module__.startswith("pydantic") and hasattr(kind, "get_secret_value"):
        return "secret", [("value", reach.node_of(value.get_secret_value()))]
    if isinstance(value, enum.Enum):
        return "member " + value.name, [("value", reach.node_of(value.value)), ("class", reach.node_of(kind))]
    for plain in (str, int, float, bytes):
        if isinstance(value, plain):
            return "value", [("value", reach.node_of(plain(value))), ("class", reach.node_of(kind))]
    return None


def describe_container(reach, value):
    """The order of a mapping makes no difference: it is often that of a folder's files."""
    if isinstance(value, MAPPINGS):
        edges = []
        for key, inner in list(value.items()):
            if type(key) in (str, int, bool, type(None)):
                edges.append(("key %r" % (key,), reach.node_of(inner)))
            else:
                edges.append(
                    ("pair", reach.graph.add("pair", [("key", reach.node_of(key)), ("value", reach.node_of(inner))]))
                )
        return "mapping", edges + class_edge(reach, value)
    # Records of Dagster's are tuples that refuse to be read as such.
    if isinstance(value, SEQUENCES) and not type(value).__module__.startswith("dagster"):
        return "sequence", [(str(at), reach.node_of(inner)) for at, inner in enumerate(value)] + class_edge(
            reach, value
        )
    if isinstance(value, SETS):
        return "set", [("member", reach.node_of(inner)) for inner in value] + class_edge(reach, value)
    return None


def class_edge(reach, value):
    """Containers and values of a class of their own have its methods."""
    kind = type(value)
    return [] if kind.__module__ in ("builtins", "collections") else [("class", reach.node_of(kind))]


def describe_value(reach, value):
    """Values of the standard library whose text says all."""
    if isinstance(value, pathlib.PurePath):
        return "path " + reach.own.portable(str(value)), reach.path_edges(os.path.join(reach.own.start_in, str(value)))
    if isinstance(value, re.Pattern):
        return "pattern %r %d" % (value.pattern, value.flags), []
    if isinstance(value, datetime.datetime) and is_now(value):
        return "time of loading", []
    if isinstance(value, WITH_PLAIN_TEXT):
        return "%s %s" % (type(value).__name__, value), []
    if isinstance(value, slice):
        return "slice", [(name, reach.node_of(getattr(value, name))) for name in ("start", "stop", "step")]
    return None


def is_now(value):
    """Whether a time was taken while the code was loaded: it is another one at every load."""
    try:
        return any(
            STARTED - 1 <= moment.timestamp() <= time.time()
            for moment in (value, value.replace(tzinfo=datetime.timezone.utc))
        )
    except (OverflowError, ValueError, OSError):
        return False
