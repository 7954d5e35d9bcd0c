"""Finds the syntax of a function or class that Python has loaded. Each file is parsed once."""

import ast
import os

from .trees import children_of

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Sources:
    """Syntax trees of the project's files, by where their functions and classes begin."""

    def __init__(self):
        self._files = {}

    def function(self, code):
        """The definitions that a code object may come from: one, but for lambdas on one line that cannot be told apart."""
        functions, _ = self._parse(code.co_filename)
        found = functions.get((code.co_name, code.co_firstlineno), [])
        if len(found) < 2:
            return found
        alike = [node for node in found if argument_names(node) == code.co_varnames[: len(argument_names(node))]]
        names = set(code.co_names) | set(code.co_varnames) | set(code.co_freevars) | set(code.co_cellvars)
        same = [node for node in alike or found if names_in(node) <= names and constants_in(node) <= constants_of(code)]
        return same or alike or found

    def classes(self, qualified_name, file, lines):
        """The definitions that a class may come from; of several with its name, those that hold lines of its methods."""
        _, classes = self._parse(file)
        found = classes.get(qualified_name, [])
        holding = [node for node in found if any(node.lineno <= line <= node.end_lineno for line in lines)]
        return holding or found

    def _parse(self, file):
        if file not in self._files:
            self._files[file] = index_of(file)
        return self._files[file]


def index_of(file):
    """Functions by name and first line (a decorator's, where there is one, as in code objects), classes by qualified name."""
    functions, classes = {}, {}
    if not os.path.isfile(file):
        return functions, classes
    with open(file, "rb") as source:
        tree = ast.parse(source.read())
    work = [(tree, "")]
    while work:
        node, within = work.pop()
        for child in children_of(node):
            inner = within
            if isinstance(child, FUNCTIONS):
                first = min([child.lineno] + [one.lineno for one in child.decorator_list])
                functions.setdefault((child.name, first), []).append(child)
                inner = within + child.name + ".<locals>."
            elif isinstance(child, ast.Lambda):
                functions.setdefault(("<lambda>", child.lineno), []).append(child)
                inner = within + "<lambda>.<locals>."
            elif isinstance(child, ast.ClassDef):
                classes.setdefault(within + child.name, []).append(child)
                inner = within + child.name + "."
            work.append((child, inner))
    return functions, classes


def argument_names(node):
    arguments = node.args
    return tuple(one.arg for one in arguments.posonlyargs + arguments.args + arguments.kwonlyargs)


def names_in(node):
    return (
        {one.id for one in ast.walk(node.body) if isinstance(one, ast.Name)} if isinstance(node, ast.Lambda) else set()
    )


def constants_in(node):
    """Texts and numbers of a lambda; sums and the like are computed when code is compiled, so numbers in them do not count."""
    if not isinstance(node, ast.Lambda):
        return set()
    computed = {
        id(inner)
        for one in ast.walk(node.body)
        if isinstance(one, (ast.BinOp, ast.UnaryOp, ast.Tuple))
        for inner in ast.walk(one)
    }
    return {repr(one.value) for one in ast.walk(node.body) if isinstance(one, ast.Constant) and id(one) not in computed}


def constants_of(code):
    found = {"None", "True", "False", "Ellipsis"}
    for constant in code.co_consts:
        if hasattr(constant, "co_consts"):
            found |= constants_of(constant)
        else:
            found.add(repr(constant))
    return found
