"""Lock files: a change of the packages that all assets run with is said once, not for every asset."""

import os

from .project_files import read

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock", "requirements.txt", "package-lock.yml")


def locks_above(own):
    """Fingerprints of the lock files in the location's folder and the folders above it, by path from the root."""
    found, folder = {}, own.directory
    while True:
        for name in LOCKS:
            path = os.path.join(folder, name)
            if own.has(path):
                found[os.path.relpath(path, own.root)] = read(path)
        above = os.path.dirname(folder)
        if folder == own.root or above == folder:
            return found
        folder = above
