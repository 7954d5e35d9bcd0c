"""Loads a location as a code server does, up to what it hands to the webserver: `python load_location.py FOLDER OUTPUT`."""

import os
import sys

FOLDER, OUTPUT = sys.argv[1], sys.argv[2]
os.chdir(FOLDER)
sys.path.insert(0, FOLDER)

from dagster._core.code_pointer import ModuleCodePointer  # noqa: E402
from dagster._core.definitions.reconstruct import initialize_repository_def_from_pointer  # noqa: E402
from dagster._core.remote_representation.external_data import RepositorySnap  # noqa: E402
from dagster._serdes import serialize_value  # noqa: E402

pointer = ModuleCodePointer("definitions", "defs", FOLDER)
repository = initialize_repository_def_from_pointer(pointer)
sent = serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True))
with open(OUTPUT, "w", encoding="utf-8") as file:
    file.write(sent)
