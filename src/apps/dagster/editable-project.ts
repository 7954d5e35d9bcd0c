import type { TomlTable, TomlValue } from 'smol-toml';
import { tableAt } from './project-files.ts';

/** Build backends whose editable installs only point into the tree, with what their `requires` may name, and the settings that keep it so. */
const BACKENDS: Readonly<Record<string, { requires: readonly string[]; tool: readonly string[]; settings: RegExp }>> = {
  'hatchling.build': {
    requires: ['hatchling'],
    tool: ['hatch'],
    settings:
      /^(envs|publish|build\.targets\.sdist|build\.targets\.wheel\.(packages|include|exclude|only-include)|metadata\.allow-direct-references)(\.|$)/,
  },
  'setuptools.build_meta': {
    requires: ['setuptools', 'wheel'],
    tool: ['setuptools'],
    settings:
      /^(packages|package-dir|py-modules|package-data|exclude-package-data|include-package-data|zip-safe)(\.|$)/,
  },
  uv_build: {
    requires: ['uv_build', 'uv-build'],
    tool: ['uv', 'build-backend'],
    settings: /^(module-name|module-root|namespace|default-excludes|source-exclude|source-include|wheel-exclude)(\.|$)/,
  },
};

/**
 * Whether an editable install of a project depends on nothing but its pyproject.toml and on which packages there are: the code is read from
 * the tree each time. Not so where something else is read or run by the build (a version that stands in the code, hooks, plugins, files that
 * are copied, modules that are compiled), or where it cannot be told.
 *
 * Sources: PEP 660 and 621; hatch.pypa.io/latest/config/build and /plugins/builder/wheel;
 * setuptools.pypa.io/en/latest/userguide/development_mode.html; docs.astral.sh/uv/concepts/build-backend.
 * @param pyproject of the project; it must have neither setup.py nor setup.cfg beside it
 */
export function onlyPointsIntoTree(pyproject: TomlTable): boolean {
  const project = tableAt(pyproject, 'project');
  const build = tableAt(pyproject, 'build-system');
  const { dynamic = [] } = project ?? {};
  if (!project || !build || !Array.isArray(dynamic) || dynamic.length > 0) return false;
  if (Object.keys(build).some((key) => key !== 'requires' && key !== 'build-backend')) return false;
  const backend = BACKENDS[String(build['build-backend'])];
  if (!backend || !Array.isArray(build.requires)) return false;
  if (!build.requires.every((one) => backend.requires.includes(packageOf(one)))) return false;
  return settingsOf(tableAt(pyproject, ...['tool', ...backend.tool])).every((path) => backend.settings.test(path));
}

/** Name in a requirement (PEP 508); empty where it has extras or comes from a URL. */
function packageOf(requirement: TomlValue): string {
  const match = /^\s*([\w.-]+)\s*(?:[<>=!~][^;@]*)?$/.exec(String(requirement));
  return match?.[1]?.toLowerCase() ?? '';
}

/** Paths of all values below a table. */
function settingsOf(table: TomlTable | undefined): string[] {
  return Object.keys(table ?? {}).flatMap((key) => {
    const below = tableAt(table, key);
    return below && Object.keys(below).length > 0 ? settingsOf(below).map((path) => `${key}.${path}`) : [key];
  });
}
