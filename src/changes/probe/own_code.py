"""What of all that Python has loaded is the project's own code, and texts that are the same wherever the project lies."""

import importlib.metadata
import json
import os
import sys
import urllib.parse

# Never the project's own, although they may lie inside of it.
FOREIGN_FOLDERS = frozenset(["site-packages", "dist-packages", "node_modules", ".venv", "venv", ".git", "__pycache__"])


class OwnCode:
    """The project's files: the repository's root, the location's folder in it, and where the interpreter's own files are."""

    def __init__(self, root, directory):
        self.root = os.path.realpath(root)
        self.directory = os.path.realpath(directory)
        self._known = {}
        self._installed = files_of_local_packages(self.root)
        spellings = {os.path.abspath(root), self.root}
        environment = {os.path.abspath(sys.prefix), os.path.realpath(sys.prefix)}
        # The longer path first: an environment may lie in the project.
        self._spellings = sorted(
            [(path, "<root>") for path in spellings] + [(path, "<environment>") for path in environment],
            key=lambda pair: -len(pair[0]),
        )
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


def files_of_local_packages(root):
    """Files of packages that were installed from a folder of the project, but as a copy (`pip install .`)."""
    found = set()
    for package in importlib.metadata.distributions():
        try:
            url = json.loads(package.read_text("direct_url.json") or "{}")
            origin = urllib.parse.unquote(urllib.parse.urlparse(url.get("url", "")).path)
            if not url.get("url", "").startswith("file:") or url.get("dir_info", {}).get("editable"):
                continue
            if os.path.realpath(origin).startswith(root):
                found.update(os.path.realpath(str(package.locate_file(file))) for file in package.files or [])
        except Exception:  # a broken package must not stop the others
            continue
    return frozenset(found)
