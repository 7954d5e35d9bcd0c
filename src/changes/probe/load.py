"""Loads the definitions of a code location, as `dagster api grpc` does with the same arguments."""

import inspect


def load_repositories(options):
    """The repositories of the location: one, unless the project defines several with `@repository`."""
    set_load_context()
    repositories = [repository_of(target) for target in targets_of(options)]
    if not repositories:
        raise ValueError("The location has no definitions.")
    return repositories


def targets_of(options):
    from dagster._grpc.utils import get_loadable_targets

    wanted = {
        "python_file": options.python_file,
        "module_name": options.module_name,
        "package_name": options.package_name,
        "working_directory": options.imports_from,
        "attribute": options.attribute,
        # Which of these there are depends on Dagster's release.
        "autoload_defs_module_name": options.autoload_defs_module_name,
        "resolve_lazy_defs": False,
    }
    known = inspect.signature(get_loadable_targets).parameters
    if options.autoload_defs_module_name and "autoload_defs_module_name" not in known:
        raise ValueError("This release of Dagster has no autoload_defs_module_name: use Dagster 1.11 or newer.")
    loaded = get_loadable_targets(**{name: value for name, value in wanted.items() if name in known})
    return [one.target_definition for one in loaded]


def repository_of(target):
    from dagster._core.definitions import reconstruct

    if type(target).__name__ == "LazyDefinitions" or inspect.isfunction(target):
        target = target()
    resolve = reconstruct.repository_def_from_target_def
    repository = resolve(target, None) if len(inspect.signature(resolve).parameters) > 1 else resolve(target)
    if repository is None:
        raise ValueError("The location's attribute is a %s, not definitions." % type(target).__name__)
    compute = getattr(repository, "compute_repository_definition", None)
    return compute() if compute else repository


def set_load_context():
    """Definitions that come from outside (component state, external metadata) are asked for as at a first load."""
    try:
        from dagster._core.definitions.definitions_load_context import (
            DefinitionsLoadContext,
            DefinitionsLoadType,
        )
    except ImportError:
        return
    DefinitionsLoadContext.set(
        DefinitionsLoadContext(load_type=DefinitionsLoadType.INITIALIZATION, repository_load_data=None)
    )
