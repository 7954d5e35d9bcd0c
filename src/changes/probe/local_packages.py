"""Packages that were installed from a folder, but as a copy (`pip install .`): their files lie in `site-packages`."""

import importlib.metadata
import json
import os
import urllib.parse


def local_packages():
    """The distributions, each with the real path of the folder that it was installed from."""
    for package in importlib.metadata.distributions():
        try:
            url = json.loads(package.read_text("direct_url.json") or "{}")
            origin = urllib.parse.unquote(urllib.parse.urlparse(url.get("url", "")).path)
            if url.get("url", "").startswith("file:") and not url.get("dir_info", {}).get("editable"):
                yield package, os.path.realpath(origin)
        except Exception:  # a broken package must not stop the others
            continue


def files_of_local_packages(root):
    """Real paths of what was installed from folders of the project."""
    found = set()
    for package, origin in local_packages():
        if origin == root or origin.startswith(root + os.sep):
            found.update(os.path.realpath(str(package.locate_file(file))) for file in package.files or [])
    return frozenset(found)
