"""Lock files: a change of the packages that all assets run with is said once, not for every asset."""

import os

from .project_files import read

# The last one is dbt's (docs.getdbt.com/reference/commands/deps).
DBT_LOCK = "package-lock.yml"
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock", "requirements.txt", DBT_LOCK)


def locks_of(own, dbt_projects):
    """Fingerprints of lock files, by path from the root: in the location's folder, in the folders above it, and of the dbt projects it loads."""
    paths = [os.path.join(folder, name) for folder in folders_up(own) for name in LOCKS]
    paths += [os.path.join(os.path.realpath(folder), DBT_LOCK) for folder in dbt_projects]
    return {os.path.relpath(path, own.root): read(path) for path in paths if own.has(path)}


def folders_up(own):
    folder = own.directory
    while True:
        yield folder
        above = os.path.dirname(folder)
        if folder == own.root or above == folder:
            return
        folder = above
