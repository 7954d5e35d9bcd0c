"""Starts the probe: `python <this folder> --output FILE -m MODULE -d FOLDER`, with the interpreter of a code location.

The folder is made a package with a name of its own: were it left on `sys.path`, its files would hide modules of the project.
"""

import importlib.util
import os
import sys

PACKAGE = "_branch_deployments_probe"

# The order of sets, and what a project makes of it, must not depend on the process.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, *sys.argv])

folder = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
spec = importlib.util.spec_from_file_location(
    PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
)
package = importlib.util.module_from_spec(spec)
sys.modules[PACKAGE] = package
writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
spec.loader.exec_module(package)
main = importlib.import_module(PACKAGE + ".main")
sys.dont_write_bytecode = writes_bytecode
main.run(sys.argv[1:])
