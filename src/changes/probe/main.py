"""The command line: what to load, and the file that the snapshot goes into."""

import argparse
import json
import os
import sys
import traceback

from .other_tree import import_from
from .own_code import OwnCode
from .snapshot import failure, take_snapshot


def run(arguments):
    """Writes the snapshot and ends the process: 0 where definitions were loaded, 1 where they were not (the snapshot says why)."""
    options = parse(arguments)
    # What the project prints belongs to whoever reads the log; the snapshot has a file of its own.
    sys.stdout.flush()
    os.dup2(2, 1)
    os.chdir(options.start_in)
    try:
        if options.instead:
            import_from(options.root, options.instead)
        # As `python -m dagster api grpc` in that folder has it.
        sys.path.insert(0, os.getcwd())
        places = {"installed": options.instead, "data": options.data}
        own = OwnCode(options.root, options.directory, start_in=options.start_in, **places)
        snapshot = take_snapshot(options, own)
    except BaseException as error:  # also SystemExit, which a module may raise while it is imported
        snapshot = failure(error, traceback.format_exc())
    write(options.output, snapshot)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that the project has started would keep the process alive.
    os._exit(0 if snapshot["status"] == "loaded" else 1)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="probe", description=__doc__)
    parser.add_argument("--output", required=True, help="file for the snapshot (JSON)")
    parser.add_argument("--root", help="the repository's files, where the location is a folder of it")
    parser.add_argument("-d", "--directory", default=".", help="the location's folder")
    parser.add_argument("--start-in", help="the folder that its code runs in, where that is another one")
    parser.add_argument("--imports-from", help="the folder that its code imports from, where that is another one")
    parser.add_argument("--instead", help="the tree that the environment has installed, where --root is another one")
    parser.add_argument("--data", action="append", default=[], help="a folder that the code is told to have its data in")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("-m", "--module-name")
    target.add_argument("--package-name")
    target.add_argument("-f", "--python-file")
    target.add_argument("--autoload-defs-module-name")
    parser.add_argument("-a", "--attribute")
    options = parser.parse_args(arguments)
    options.output = os.path.abspath(options.output)
    options.directory = os.path.abspath(options.directory)
    options.root = os.path.abspath(options.root or options.directory)
    options.start_in = os.path.abspath(options.start_in or options.directory)
    options.imports_from = os.path.abspath(options.imports_from or options.directory)
    return options


def write(path, snapshot):
    """A reader sees the whole snapshot or none."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(snapshot, file, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    os.replace(path + ".part", path)
