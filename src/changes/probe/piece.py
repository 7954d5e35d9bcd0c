"""What a function's or class's source says: its normal text, the names that it uses, the files that it names."""

import ast

from .path_expressions import PathExpressions
from .syntax import Normal
from .trees import Transformer, copy_of, nodes_of


class Piece:
    """Names are resolved by `scope`: a scope of the place that the source stands in (see scope.py)."""

    def __init__(self, nodes, scope, keeps_fields=False, only_statements=False):
        self.names = set()
        self.chains = set()
        self.texts = set()
        self.paths = set()
        self.imports = {}
        self.texts_of_nodes = []
        for node in nodes:
            self._read(node, scope, keeps_fields, only_statements)
        self.text = "\n".join(sorted(self.texts_of_nodes))

    def _read(self, node, scope, keeps_fields, only_statements):
        imports = []
        node = copy_of(node, imports)
        if hasattr(node, "decorator_list"):
            node.decorator_list = []
        if only_statements:
            keep_statements(node)
        node = Normal(scope.is_dagster, keeps_fields).visit(node)
        scope = scope.with_imports(imports)
        paths = PathExpressions(scope)
        paths.visit(node)
        self.paths |= paths.found
        self._collect(node, scope, paths.consumed)
        self.texts_of_nodes.append(ast.unparse(ShortNames(scope).visit(node)))

    def _collect(self, node, scope, consumed):
        within_chains = set()
        for one in nodes_of(node):
            if id(one) in consumed:
                continue
            if isinstance(one, ast.Attribute):
                chain = chain_of(one)
                if chain and id(one) not in within_chains:
                    self.chains.add(chain)
                    while isinstance(one, ast.Attribute):
                        one = one.value
                        within_chains.add(id(one))
            elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and id(one) not in within_chains:
                self.names.add(one.id)
            elif isinstance(one, ast.Constant) and isinstance(one.value, str):
                self.texts.add(one.value)
        self.imports = scope.imported


def keep_statements(node):
    """A class without its methods: each is looked at by itself."""
    node.body = [one for one in node.body if not isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]


def chain_of(node):
    """`a.b.c` as its names; None where something else stands at the beginning."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return tuple([node.id] + names[::-1]) if isinstance(node, ast.Name) else None


class ShortNames(Transformer):
    """`module.name` of the project becomes `name`, and imports of the project's modules go: a move of code is no change of it."""

    def __init__(self, scope):
        super().__init__()
        self._scope = scope

    def visit_Attribute(self, node):
        chain = chain_of(node)
        depth = self._scope.depth_of_modules(chain) if chain else 0
        if depth == 0 or depth == len(chain):
            return self.generic_visit(node)
        short = ast.Name(id=chain[depth], ctx=ast.Load())
        for name in chain[depth + 1 :]:
            short = ast.Attribute(value=short, attr=name, ctx=ast.Load())
        return short

    def visit_Import(self, node):
        node.names = [one for one in node.names if not self._scope.is_own_import(one.name, 0)]
        return node if node.names else None

    def visit_ImportFrom(self, node):
        return None if self._scope.is_own_import(node.module or "", node.level) else node

    def generic_visit(self, node):
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node
