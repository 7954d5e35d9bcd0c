"""What of all that Python has loaded is the project's own code, and texts that are the same wherever the project lies."""

import os
import sys

from .local_packages import files_of_local_packages

# Never the project's own, although they may lie inside of it.
FOREIGN_FOLDERS = frozenset(["site-packages", "dist-packages", "node_modules", ".venv", "venv", ".git", "__pycache__"])


class OwnCode:
    """The project's files: the repository's root, the location's folder in it, the folder that its code runs in.

    `installed` is the root of the tree that the environment has installed, where that is another one: its place says no more than the root's.
    `data` are folders where the code has its data; base and branch have different ones, too.
    """

    def __init__(self, root, directory, start_in=None, installed=None, data=()):
        self.root = os.path.realpath(root)
        self.directory = os.path.realpath(directory)
        self.start_in = os.path.realpath(start_in or directory)
        self._known = {}
        self._installed = files_of_local_packages(self.root)
        places = [(root, "<root>"), (installed, "<root>"), (sys.prefix, "<environment>")]
        places += [(folder, "<data>") for folder in data]
        spellings = {spell(path): name for path, name in places if path for spell in (os.path.abspath, os.path.realpath)}
        # The longer path first: an environment may lie in the project.
        self._spellings = sorted(spellings.items(), key=lambda pair: -len(pair[0]))
        self._prefix = os.path.realpath(sys.prefix) + os.sep

    def has(self, path):
        """Whether a file is the project's own; a path that is not there is not."""
        if not path:
            return False
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._look_at(path)
        return known

    def _look_at(self, path):
        real = os.path.realpath(path)
        if not os.path.exists(real):
            return False
        if real in self._installed:
            return True
        if real != self.root and not real.startswith(self.root + os.sep):
            return False
        if real.startswith(self._prefix) and self._prefix.startswith(self.root + os.sep):
            return False
        return not FOREIGN_FOLDERS.intersection(os.path.relpath(real, self.root).split(os.sep))

    def has_module(self, module):
        """Whether a module is the project's own; a namespace package is where its folder is."""
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            return self.has(file)
        folders = getattr(module, "__path__", None)
        return any(self.has(folder) for folder in list(folders or [])[:1])

    def portable(self, text):
        """A text without the place that the project lies in: base and branch lie in different ones."""
        for path, name in self._spellings:
            if path in text:
                text = text.replace(path, name)
        return text
