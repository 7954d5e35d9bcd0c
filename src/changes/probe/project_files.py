"""Project files that code names: their content is part of what an asset is made of."""

import hashlib
import os

from .syntax import normal_text

# Folders of generated or foreign files.
SKIPPED = frozenset(["target", "dbt_packages", "logs", "node_modules", "__pycache__"])
MOST_FILES = 500
LARGEST_FILE = 64 * 1024 * 1024


class ProjectFiles:
    """Fingerprints of files and folders, each read once."""

    def __init__(self, own):
        self._own = own
        self._contents = {}
        self._folders = {}
        self._in_dbt = {}
        self._named = {}

    def named_by(self, text, near=None):
        """Fingerprint of the file that a short text names, seen from a folder, where code runs, the location or the root; None if it names none."""
        if not 0 < len(text) < 256 or "\n" in text or "\0" in text or text in (".", "..", "/"):
            return None
        key = (text, near)
        if key not in self._named:
            bases = [near, self._own.start_in, self._own.directory, self._own.root]
            paths = [os.path.join(base, text) for base in bases if base]
            file = next((path for path in paths if os.path.isfile(path) and self._own.has(path)), None)
            self._named[key] = self.of(file) if file else None
        return self._named[key]

    def of(self, path):
        """Fingerprint of a file, or of all files of a folder that holds data; None for what is not the project's own data."""
        if not self._own.has(path) or self.is_in_dbt_project(path):
            return None
        path = os.path.realpath(path)
        return self.of_folder(path) if os.path.isdir(path) else self.content(path)

    def content(self, path):
        found = self._contents.get(path)
        if found is None:
            found = self._contents[path] = read(path)
        return found

    def of_folder(self, path):
        """A folder with code in it is not data, and one that holds the location or thousands of files is not meant."""
        if path not in self._folders:
            files = None if (self._own.directory + os.sep).startswith(path + os.sep) else files_below(path)
            if files is None or any(file.endswith(".py") for file in files):
                self._folders[path] = None
            else:
                contents = [os.path.relpath(file, path) + "\0" + self.content(file) for file in files]
                self._folders[path] = hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()
        return self._folders[path]

    def is_in_dbt_project(self, path):
        """A dbt project is read model by model from its manifest; its files would mark all of its assets."""
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        if folder not in self._in_dbt:
            if os.path.isfile(os.path.join(folder, "dbt_project.yml")):
                self._in_dbt[folder] = True
            else:
                above = os.path.dirname(folder)
                stops = above == folder or os.path.realpath(folder) == self._own.root
                self._in_dbt[folder] = False if stops else self.is_in_dbt_project(above)
        return self._in_dbt[folder]


def files_below(folder):
    """All files below a folder, hidden and generated ones aside; None where there are too many."""
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        found.extend(os.path.join(at, name) for name in names if not name.startswith("."))
        if len(found) > MOST_FILES:
            return None
    return found


def read(path):
    """Python files count without comments and formatting, other files byte by byte."""
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            return "%d bytes" % os.path.getsize(path)
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        return "unreadable: %s" % type(error).__name__
    if path.endswith(".py"):
        try:
            data = normal_text(data.decode("utf-8")).encode()
        except (SyntaxError, ValueError):
            pass
    return hashlib.sha256(data).hexdigest()
