"""Paths that source puts together: `Path(__file__).parent / "sql" / "a.sql"`, `os.path.join(HERE, "a.sql")`."""

import ast
import os
import pathlib

from .trees import children_of

SAME = frozenset(
    ["Path", "PurePath", "PosixPath", "abspath", "realpath", "fspath", "str", "resolve", "absolute", "normpath"]
)
JOINING = frozenset(["join", "joinpath", "dirname", "file_relative_path"])


class PathExpressions:
    """Collects the longest expressions whose value is a path, and the syntax that they are made of."""

    def __init__(self, scope):
        self._scope = scope
        self.found = set()
        self.consumed = set()

    def visit(self, node):
        if isinstance(node, (ast.BinOp, ast.Call, ast.Subscript)):
            path = self._value(node)
            # A relative path is one of the folder that the code runs in.
            path = None if path is None else os.path.join(self._scope.own.start_in, path)
            if path is not None and len(path) < 4096 and "\0" not in path and os.path.exists(path):
                self.found.add(os.path.normpath(path))
                self.consumed.update(id(inner) for inner in ast.walk(node))
                return
        for child in children_of(node):
            self.visit(child)

    def _value(self, node):
        """The path as a text, or None where it is not known before the code runs."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self._scope.file if node.id == "__file__" else path_text(self._scope.value(node.id))
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._parents(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left, right = self._value(node.left), self._value(node.right)
            return None if left is None or right is None else os.path.join(left, right)
        return self._call(node) if isinstance(node, ast.Call) else None

    def _attribute(self, node):
        if node.attr == "parent":
            base = self._value(node.value)
            return None if base is None else os.path.dirname(base)
        chain = names_of(node)
        return path_text(self._scope.walk_chain(chain)[1]) if chain else None

    def _parents(self, node):
        parents, index = node.value, node.slice
        if not (isinstance(parents, ast.Attribute) and parents.attr == "parents" and isinstance(index, ast.Constant)):
            return None
        base = self._value(parents.value)
        if base is None or not isinstance(index.value, int) or not 0 <= index.value < len(pathlib.Path(base).parents):
            return None
        return str(pathlib.Path(base).parents[index.value])

    def _call(self, node):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name not in SAME and name not in JOINING or node.keywords:
            return None
        values = [self._value(one) for one in node.args]
        if any(value is None for value in values):
            return None
        is_method = isinstance(node.func, ast.Attribute) and name in ("joinpath", "resolve", "absolute")
        if is_method:
            base = self._value(node.func.value)
            values = [base] + values
            if base is None:
                return None
        if not values:
            return None
        if name in SAME and (len(values) == 1 or name == "Path"):
            return os.path.join(*values)
        if name == "dirname":
            return os.path.dirname(values[0])
        if name in ("join", "joinpath"):
            return os.path.join(*values)
        if name == "file_relative_path" and len(values) == 2:
            return os.path.join(os.path.dirname(values[0]), values[1])
        return None


def path_text(value):
    return str(value) if isinstance(value, (str, pathlib.PurePath)) else None


def names_of(node):
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return tuple([node.id] + names[::-1]) if isinstance(node, ast.Name) else None
