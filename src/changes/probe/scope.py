"""What names mean at a place of the project's source."""

import ast
import importlib
import importlib.util
import pathlib
import sys
import types

MISSING = object()


class Scope:
    """Globals of a module, values of a closure, and what the source imports for itself."""

    def __init__(self, own, module_globals, closure=None, file=None, imported=None, notes=None):
        self.own = own
        self.globals = module_globals
        self.closure = closure or {}
        self.file = file
        self.imported = imported or {}
        self._notes = set() if notes is None else notes

    @property
    def depends_on_closure(self):
        """Whether what was asked so far has another answer for another closure over the same code."""
        return bool(self._notes)

    def value(self, name):
        """The value of a name, or MISSING: for locals, builtins, and names that are not bound yet."""
        if name in self.imported:
            return self.imported[name]
        if name in self.closure:
            value = self.closure[name]
            if isinstance(value, (str, pathlib.PurePath, types.ModuleType)):
                self._notes.add(name)
            return value
        return self.globals.get(name, MISSING)

    def walk_chain(self, chain):
        """Follows `a.b.c` through the project's modules: how many names those are, and the value behind them."""
        value = self.value(chain[0])
        depth = 1
        while isinstance(value, types.ModuleType) and self.own.has_module(value) and depth < len(chain):
            inner = vars(value).get(chain[depth], MISSING)
            if inner is MISSING:
                inner = load(value.__name__ + "." + chain[depth]) or MISSING
            value = inner
            depth += 1
        return depth, value

    def depth_of_modules(self, chain):
        """How many names of a chain are modules of the project."""
        depth, value = self.walk_chain(chain)
        if value is MISSING:
            return 0 if depth == 1 else depth - 1
        return depth if isinstance(value, types.ModuleType) and self.own.has_module(value) else depth - 1

    def is_dagster(self, decorator):
        """Whether a decorator of an inner function is Dagster's: what it says is compared as definitions are."""
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name):
            return False
        value = self.value(node.id)
        name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
        return isinstance(name, str) and name.split(".")[0].split("_")[0] == "dagster"

    def absolute(self, module, level):
        """The absolute name of a module, which may be relative to this one's package."""
        if not level:
            return module
        package = self.globals.get("__package__") or self.globals.get("__name__", "").rpartition(".")[0]
        parts = package.split(".")
        base = ".".join(parts[: len(parts) - level + 1])
        return base + "." + module if module and base else base or module

    def is_own_import(self, module, level):
        name = self.absolute(module, level)
        return bool(name) and is_own_module(self.own, name)

    def with_imports(self, imports):
        """A scope with what a function imports by itself. Only modules of the project are loaded."""
        imported = dict(self.imported)
        for one in imports:
            if isinstance(one, ast.Import):
                for alias in one.names:
                    if self.is_own_import(alias.name, 0) and load(alias.name):
                        name = alias.asname or alias.name.split(".")[0]
                        imported[name] = load(alias.name if alias.asname else name)
            elif isinstance(one, ast.ImportFrom) and self.is_own_import(one.module or "", one.level):
                name = self.absolute(one.module or "", one.level)
                for alias in one.names:
                    value = getattr(load(name), alias.name, None) or load(name + "." + alias.name)
                    if value is not None:
                        imported[alias.asname or alias.name] = value
        return Scope(self.own, self.globals, self.closure, self.file, imported, self._notes)


def load(name):
    """A module of the project, or None where it cannot be loaded: the function that imports it would fail as well."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except BaseException:
        return None


def is_own_module(own, name):
    """Whether a module is the project's own, without loading anything of a library."""
    module = sys.modules.get(name)
    if module is not None:
        return own.has_module(module)
    top = name.split(".")[0]
    if top in sys.modules:
        return own.has_module(sys.modules[top])
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None:
        return False
    return own.has(spec.origin) if spec.origin else any(own.has(at) for at in spec.submodule_search_locations or [])
