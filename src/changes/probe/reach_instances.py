"""Objects of classes: the project's own by their attributes and class, a library's by the fields that it declares."""

import types

from .reach_code import is_own_class

MOST_ATTRIBUTES = 200


def describe_instance(reach, value):
    cls = type(value)
    is_own = is_own_class(reach, cls)
    fields = declared_fields(value)
    if fields is None and not is_own:
        return describe_foreign(reach, value)
    attributes = dict(fields or {})
    if is_own and not is_model(cls):
        attributes.update(own_attributes(value))
    edges = [("attribute " + name, reach.node_of(inner)) for name, inner in attributes.items()]
    if is_own:
        return "object", edges + [("class", reach.node_of(cls))]
    return "object of %s.%s" % (cls.__module__, cls.__qualname__), edges


def is_model(cls):
    return any(base.__name__ == "BaseModel" and base.__module__.startswith("pydantic") for base in cls.__mro__)


def declared_fields(value):
    """Fields of pydantic models, dataclasses and attrs classes; None for other classes."""
    cls = type(value)
    if is_model(cls):
        names = getattr(cls, "model_fields", None) or getattr(cls, "__fields__", {})
        return {name: value.__dict__[name] for name in names if name in value.__dict__}
    for declaration in ("__dataclass_fields__", "__attrs_attrs__"):
        declared = getattr(cls, declaration, None)
        if declared is not None:
            names = [one if isinstance(one, str) else one.name for one in declared]
            return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if cls is types.SimpleNamespace:
        return dict(vars(value))
    return None


def own_attributes(value):
    """Attributes that an object has itself; what was computed once and kept says nothing new."""
    cls = type(value)
    found = {}
    for name, inner in getattr(value, "__dict__", {}).items():
        if type(getattr(cls, name, None)).__name__ != "cached_property":
            found[name] = inner
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def describe_foreign(reach, value):
    """A library's object may hold functions of the project (a callback, a predicate); its other state is its own affair."""
    cls = type(value)
    edges = []
    module = cls.__module__.split(".")[0]
    if module.split("_")[0] not in ("dagster", "logging", "threading", "asyncio", "typing"):
        attributes = list(getattr(value, "__dict__", {}).items())[:MOST_ATTRIBUTES]
        edges = [
            ("attribute " + name, reach.node_of(inner)) for name, inner in attributes if leads_to_own(reach, inner)
        ]
    return "object of %s.%s" % (cls.__module__, cls.__qualname__), edges


def leads_to_own(reach, value):
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return reach.own.has(value.__code__.co_filename) or hasattr(value, "__wrapped__")
    return is_own_class(reach, value if isinstance(value, type) else type(value))
