"""Python source without what makes no difference: comments, docstrings, formatting, annotations.

Texts are made by `ast.unparse`: `ast.dump` of the same source differs between releases of Python. (Python 3.9 and 3.10 write lambdas and
pairs otherwise than 3.11 to 3.13 do. Both sides of a comparison are read by one interpreter.)
"""

import ast

from .trees import Transformer


class Normal(Transformer):
    """Takes out docstrings and annotations, and the decorators that `is_foreign` names.

    Annotations of a class's fields stay where `keeps_fields` says so: they are what pydantic and dataclasses work with.
    """

    def __init__(self, drops_decorator=lambda node: False, keeps_fields=False):
        super().__init__()
        self.drops_decorator = drops_decorator
        self.keeps_fields = keeps_fields
        self._in_function = 0

    def visit_FunctionDef(self, node):
        node.decorator_list = [one for one in node.decorator_list if not self.drops_decorator(one)]
        node.returns = None
        node.type_comment = None
        if hasattr(node, "type_params"):
            node.type_params = []
        self._in_function += 1
        self.generic_visit(node)
        self._in_function -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        node.decorator_list = [one for one in node.decorator_list if not self.drops_decorator(one)]
        if hasattr(node, "type_params"):
            node.type_params = []
        outer, self._in_function = self._in_function, 0
        self.generic_visit(node)
        self._in_function = outer
        return node

    def visit_arg(self, node):
        node.annotation = None
        node.type_comment = None
        return node

    def visit_Expr(self, node):
        """A text that stands alone is a docstring or a comment."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_Pass(self, node):
        """`pass` is there because something has to be: blocks that need it get it back."""
        return None

    def visit_AnnAssign(self, node):
        if self.keeps_fields and not self._in_function:
            return self.generic_visit(node)
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno))

    def generic_visit(self, node):
        super().generic_visit(node)
        # A block that lost its only line needs another one.
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node


def normal_text(source):
    """A whole file's source in normal form."""
    return ast.unparse(Normal().visit(ast.parse(source)))
