"""Makes an environment that installs one tree of a project import another one.

The environment of a branch finds the branch's files: by `.pth` files, by finders of editable installs, by copies in `site-packages`. The
base is loaded in that environment, from its own tree: every import path in the branch's tree is taken for the same path in the base's.
"""

import importlib.abc
import importlib.machinery
import importlib.metadata
import os
import sys
import sysconfig

from .local_packages import local_packages

DEEPEST = 4


class OtherTree:
    """Paths of `installed` (a folder), as paths of `root`; the environment's own folders, which may lie in it, stay."""

    def __init__(self, installed, root):
        self._root = os.path.realpath(root)
        self._installed = os.path.realpath(installed)
        self._spellings = {os.path.abspath(installed), self._installed}
        # One tree may lie in the other, as worktrees of git do.
        self._stays = environment_folders(self._installed) | (
            {os.path.abspath(root), self._root} if is_within(self._root, self._installed) else set()
        )

    def path(self, path):
        """The path to use in place of `path`: the same one, where it does not lie in the installed tree."""
        at = os.path.abspath(path)
        if any(is_within(at, folder) for folder in self._stays):
            return path
        for tree in self._spellings:
            if is_within(at, tree):
                return os.path.normpath(os.path.join(self._root, os.path.relpath(at, tree)))
        real = os.path.realpath(at)
        return path if real == at or not is_within(real, self._installed) else self.path(real)

    def replace_in(self, value, depth=0):
        """A value with its paths replaced; mappings, lists and sets are changed in place: finders hold on to them."""
        if isinstance(value, str):
            return self.path(value) if os.path.isabs(value) else value
        if isinstance(value, os.PathLike):
            path = os.fspath(value)
            return type(value)(self.path(path)) if isinstance(path, str) and os.path.isabs(path) else value
        if depth > DEEPEST:
            return value
        if isinstance(value, dict):
            value.update({key: self.replace_in(inner, depth + 1) for key, inner in value.items()})
        elif isinstance(value, list):
            value[:] = [self.replace_in(inner, depth + 1) for inner in value]
        elif isinstance(value, set):
            inside = {self.replace_in(inner, depth + 1) for inner in value}
            value.clear()
            value.update(inside)
        elif isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.replace_in(inner, depth + 1) for inner in value)
        return value


def import_from(root, installed):
    """From here on, what is imported of the tree `installed` is that of the tree `root`. A module that only `installed` has is not found."""
    tree = OtherTree(installed, root)
    for finder in list(sys.meta_path) + [getattr(hook, "__self__", hook) for hook in sys.path_hooks]:
        replace_in_finder(finder, tree)
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            tree.replace_in(vars(module).get("MAPPING"))
            tree.replace_in(vars(module).get("NAMESPACES"))
        # What a `.pth` file has imported already.
        elif tree.path(getattr(module, "__file__", None) or "/") != (getattr(module, "__file__", None) or "/"):
            del sys.modules[name]
        elif isinstance(getattr(module, "__path__", None), list):
            tree.replace_in(module.__path__)
    sys.path[:] = [tree.path(entry) if entry else entry for entry in sys.path]
    sys.path_importer_cache.clear()
    copies = CopiesInSitePackages(tree, os.path.realpath(installed))
    if copies.folders:
        sys.meta_path.insert(0, copies)
    importlib.invalidate_caches()


def replace_in_finder(finder, tree):
    """Finders of setuptools keep their paths in their module, those of `editables` in the class, those of scikit-build in the object."""
    kind = finder if isinstance(finder, type) else type(finder)
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if file is None or ("-packages" not in file and is_within(os.path.abspath(file), sysconfig.get_path("stdlib"))):
        return
    for holder in (module, kind, finder):
        for name, value in list(getattr(holder, "__dict__", {}).items()):
            if not name.startswith("__") and isinstance(value, (dict, list, set)):
                tree.replace_in(value)


class CopiesInSitePackages(importlib.abc.MetaPathFinder):
    """Packages of the tree that were installed as a copy (`pip install .`, a path dependency of uv): looked for in the other tree alone."""

    def __init__(self, tree, installed):
        self.folders = {}
        for package, origin in local_packages():
            if is_within(origin, installed):
                folder = tree.path(origin)
                places = [os.path.join(folder, "src"), folder]
                self.folders.update((name, places) for name in top_level_names(package))

    def find_spec(self, name, path=None, target=None):
        if name not in self.folders:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, self.folders[name])
        if spec is None:
            raise ModuleNotFoundError("No module named %r" % name, name=name)
        return spec


def top_level_names(package):
    """Modules and packages that an installed distribution has put into `site-packages`."""
    names = set()
    for file in package.files or []:
        first = file.parts[0]
        if first == ".." or first.endswith((".dist-info", ".pth", ".data")) or first == "__pycache__":
            continue
        if len(file.parts) > 1:
            names.add(first)
        elif first.endswith(".py"):
            names.add(first[: -len(".py")])
    return names


def environment_folders(installed):
    """Folders of the interpreter. Its prefix is one of them, unless the whole tree lies in it."""
    folders = {os.path.abspath(path) for path in sysconfig.get_paths().values()}
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    prefixes |= {os.path.realpath(prefix) for prefix in prefixes}
    folders |= {os.path.abspath(one) for one in prefixes if not is_within(installed, os.path.realpath(one))}
    return folders | {os.path.realpath(folder) for folder in folders}


def is_within(path, folder):
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
