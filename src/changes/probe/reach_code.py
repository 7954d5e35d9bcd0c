"""Functions and classes: the project's own by their source and what that names, a library's only as a way to the project's own."""

import dis
import functools
import os
import sys
import types

from .piece import Piece
from .scope import MISSING, Scope
from .syntax_of_code import text_of_code

WRAPPERS = (staticmethod, classmethod)
GLOBAL_NAMES = {dis.opmap[name] for name in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in dis.opmap}
LOAD_GLOBAL, EXTENDED_ARG = dis.opmap["LOAD_GLOBAL"], dis.EXTENDED_ARG
# The lowest bit says something else from Python 3.11 on.
GLOBAL_SHIFT = 1 if sys.version_info >= (3, 11) else 0
FIELD_BASES = frozenset(["BaseModel", "NamedTuple", "TypedDict", "Struct", "Enum"])


def describe_callable(reach, value):
    """Functions, methods, and what wraps them."""
    if isinstance(value, types.FunctionType):
        return describe_function(reach, value)
    if isinstance(value, types.MethodType):
        return "method", [("function", reach.node_of(value.__func__)), ("self", reach.node_of(value.__self__))]
    if isinstance(value, (functools.partial, functools.partialmethod)):
        parts = (("function", value.func), ("arguments", value.args), ("keywords", value.keywords))
        return "partial", [(name, reach.node_of(part)) for name, part in parts]
    if isinstance(value, WRAPPERS):
        return type(value).__name__, [("function", reach.node_of(value.__func__))]
    if isinstance(value, property):
        parts = (("get", value.fget), ("set", value.fset), ("delete", value.fdel))
        return "property", [(name, reach.node_of(part)) for name, part in parts if part]
    if isinstance(value, functools.cached_property):
        return "property", [("get", reach.node_of(value.func))]
    if isinstance(value, types.ModuleType):
        return describe_module(reach, value)
    if isinstance(value, types.BuiltinFunctionType):
        return "builtin " + value.__name__, []
    wrapped = getattr(type(value), "__wrapped__", None) is None and getattr(value, "__wrapped__", None)
    if type(value).__module__ == "functools" and wrapped:
        return "wrapper", [("function", reach.node_of(wrapped))]
    return None


def describe_function(reach, function):
    code = function.__code__
    closure = closure_of(function)
    wrapped = getattr(function, "__wrapped__", None)
    edges = [("wrapped", reach.node_of(wrapped))] if wrapped is not None else []
    if not is_own_function(reach, function):
        # What a library's function closes over is the project's: a decorated function, the value of a resource.
        edges += [
            ("closure " + name, reach.node_of(value)) for name, value in closure.items() if is_worth_it(reach, value)
        ]
        return "library function " + function.__qualname__, edges
    piece = piece_of_function(reach, function, closure)
    allowed = global_names(code) | set(piece.imports)
    scope = Scope(reach.own, function.__globals__, closure, code.co_filename, piece.imports)
    edges += edges_of_piece(reach, piece, scope, allowed, os.path.dirname(code.co_filename))
    edges += [("default %d" % at, reach.node_of(value)) for at, value in enumerate(function.__defaults__ or ())]
    edges += [("default " + name, reach.node_of(value)) for name, value in (function.__kwdefaults__ or {}).items()]
    # A closure's values count where no name of the source leads to them, too (`super()` and the like).
    edges += [
        ("name " + name, reach.node_of(value))
        for name, value in closure.items()
        if name not in piece.names and name in allowed and name != "__class__" and not is_start_of(piece, name)
    ]
    return "function " + piece.text, edges


def is_own_function(reach, function):
    """What `exec` made has no file: it is the project's where its globals are."""
    file = function.__code__.co_filename
    return reach.own.has(function.__globals__.get("__file__") if file.startswith("<") else file)


def is_start_of(piece, name):
    return any(chain[0] == name for chain in piece.chains)


def closure_of(function):
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found


def piece_of_function(reach, function, closure):
    """The source of a function, read once for all functions that one factory made."""
    code = function.__code__
    known = reach.pieces.get(code)
    if known is not None:
        return known
    scope = Scope(reach.own, function.__globals__, closure, code.co_filename)
    try:
        nodes = reach.sources.function(code)
    except (SyntaxError, OSError, ValueError):
        nodes = []
    piece = Piece(nodes, scope)
    if not nodes:
        reach.note_gap("no source of " + function.__qualname__)
        piece.text, piece.names, piece.texts = text_of_code(code)
    if not scope.depends_on_closure:
        reach.pieces[code] = piece
    return piece


def edges_of_piece(reach, piece, scope, allowed, folder):
    """Where the names, texts and paths of some source lead. `allowed` are names that are not local (None: all)."""
    edges = []
    for chain in piece.chains:
        if allowed is None or chain[0] in allowed:
            depth, value = scope.walk_chain(chain)
            if value is not MISSING and is_worth_it(reach, value):
                edges.append(("name " + chain[depth - 1], reach.node_of(value)))
    for name in piece.names:
        value = scope.value(name) if allowed is None or name in allowed else MISSING
        if value is not MISSING and is_worth_it(reach, value):
            edges.append(("name " + name, reach.node_of(value)))
    for text in piece.texts:
        edges += reach.file_edges(text, folder)
    for path in piece.paths:
        edges += reach.path_edges(path)
    return edges


def is_worth_it(reach, value):
    """Modules, classes and functions of a library lead nowhere, but for functions that wrap the project's."""
    if isinstance(value, types.ModuleType):
        return reach.own.has_module(value)
    if isinstance(value, type):
        return is_own_class(reach, value)
    if isinstance(value, types.BuiltinFunctionType):
        return False
    if isinstance(value, types.FunctionType) and not is_own_function(reach, value):
        return bool(value.__closure__) or hasattr(value, "__wrapped__")
    return True


def global_names(code):
    """Names that code takes from outside: what it closes over, and globals, also in functions within it."""
    return set(code.co_freevars) | loaded_names(code)


def loaded_names(code):
    """Read from the bytecode itself: `dis` makes an object of each instruction."""
    names, argument, all_names = set(), 0, code.co_names
    instructions = code.co_code
    for operation, low in zip(instructions[::2], instructions[1::2]):
        argument = argument << 8 | low
        if operation == EXTENDED_ARG:
            continue
        if operation == LOAD_GLOBAL:
            names.add(all_names[argument >> GLOBAL_SHIFT])
        elif operation in GLOBAL_NAMES:
            names.add(all_names[argument])
        argument = 0
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            names |= loaded_names(inner)
    return names


def describe_module(reach, module):
    """A module that is handed on as a whole: everything in it."""
    if not reach.own.has_module(module):
        return "library", []
    values = [(name, value) for name, value in vars(module).items() if not name.startswith("__")]
    return "module", [("name " + name, reach.node_of(value)) for name, value in values if is_worth_it(reach, value)]


def is_own_class(reach, cls):
    module = sys.modules.get(getattr(cls, "__module__", None) or "")
    if module is None:
        return any(
            reach.own.has(one.__code__.co_filename) for one in vars(cls).values() if isinstance(one, types.FunctionType)
        )
    return reach.own.has_module(module)


def describe_class(reach, cls):
    if not isinstance(cls, type):
        return None
    if not is_own_class(reach, cls):
        return "library class " + cls.__qualname__, []
    functions = {name: value for name, value in vars(cls).items() if own_function(reach, value) is not None}
    codes = [own_function(reach, value).__code__ for value in functions.values()]
    module = sys.modules.get(cls.__module__)
    file = codes[0].co_filename if codes else getattr(module, "__file__", None)
    nodes = reach.sources.classes(cls.__qualname__, file, [code.co_firstlineno for code in codes]) if file else []
    if not nodes:
        reach.note_gap("no source of class " + cls.__qualname__)
    scope = Scope(reach.own, vars(module) if module else {}, {}, file)
    piece = Piece(nodes, scope, keeps_fields=has_fields(cls), only_statements=True)
    edges = edges_of_piece(reach, piece, scope, None, os.path.dirname(file or ""))
    edges += [("method " + name, reach.node_of(value)) for name, value in functions.items()]
    edges += [("base", reach.node_of(base)) for base in cls.__bases__ if is_own_class(reach, base)]
    edges += wrapped_methods(reach, nodes, functions, scope, file)
    return "class " + piece.text, edges


def own_function(reach, value):
    """The project's function behind a class's attribute, if there is one."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, functools.cached_property):
        value = value.func
    elif isinstance(value, WRAPPERS):
        value = value.__func__
    is_own = isinstance(value, types.FunctionType) and reach.own.has(value.__code__.co_filename)
    return value if is_own else None


def wrapped_methods(reach, nodes, functions, scope, file):
    """Methods that a library's decorator has put something else in place of: validators, `lru_cache`."""
    edges = []
    for node in nodes:
        for method in node.body:
            if hasattr(method, "args") and method.name not in functions:
                piece = Piece([method], scope)
                inner = edges_of_piece(reach, piece, scope, None, os.path.dirname(file or ""))
                edges.append(("method " + method.name, reach.graph.add("function " + piece.text, inner)))
    return edges


def has_fields(cls):
    """Whether annotations are what the class works with, and not only hints for people."""
    return (
        hasattr(cls, "__dataclass_fields__")
        or hasattr(cls, "__attrs_attrs__")
        or hasattr(cls, "_fields")
        or any(base.__name__ in FIELD_BASES for base in cls.__mro__)
    )
