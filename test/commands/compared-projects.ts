const DEFINITIONS = `
from pathlib import Path
import dagster as dg
from shop import helpers
from shop.factory import make

@dg.asset
def by_helper(): return helpers.norm(1)

@dg.asset(deps=[by_helper])
def below(): return 1

@dg.asset
def by_file(): return (Path(__file__).parent / "orders.sql").read_text()

@dg.asset(code_version="1", tags={"team": "red", "a": ""})
def told(): return 1

@dg.asset
def noted():
    """One text."""
    return {"x": 1}  # a comment

@dg.asset
def gone(): return 1

assets = [by_helper, below, by_file, told, noted, gone, make("one", "select 1"), make("two", "select 2")]
defs = dg.Definitions(assets=assets)
`;

/** A workspace of `dg` with one location, and an asset for each way to change. */
export const BASE: Readonly<Record<string, string>> = {
  'dg.toml': 'directory_type = "workspace"\n[workspace]\n[[workspace.projects]]\npath = "shop"\n',
  'shop/pyproject.toml':
    '[project]\nname = "shop"\nversion = "1"\n[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n',
  'shop/uv.lock': 'version = 1\n',
  'shop/src/shop/__init__.py': '',
  'shop/src/shop/helpers.py': 'def norm(x): return x + 1\n',
  'shop/src/shop/factory.py':
    'import dagster as dg\ndef make(name, sql):\n    @dg.asset(key=["made", name])\n    def made(): return sql\n    return made\n',
  'shop/src/shop/orders.sql': 'select 1\n',
  'shop/src/shop/definitions.py': DEFINITIONS,
};

/** What the branch has otherwise; of `noted` only comments, layout and description. */
export const EDITS: Readonly<Record<string, string>> = {
  'shop/uv.lock': 'version = 1\nrevision = 2\n',
  'shop/src/shop/helpers.py': '# Moved down by a line.\ndef norm(x): return x + 2\n',
  'shop/src/shop/orders.sql': 'select 2\n',
  'shop/src/shop/definitions.py': DEFINITIONS.replace(
    'code_version="1", tags={"team": "red", "a": ""}',
    () => 'code_version="2", tags={"team": "blue", "b": ""}',
  )
    .replace('    """One text."""\n    return {"x": 1}  # a comment', '    return {\n        "x": 1,\n    }')
    .replace('def gone', 'def added')
    .replace('noted, gone', 'noted, added')
    .replace('"select 1"', '"select 3"')
    .replace(
      'defs = dg.Definitions(assets=assets)',
      'nightly = dg.define_asset_job("nightly", [told])\ndefs = dg.Definitions(assets=assets, jobs=[nightly])',
    ),
};

/** `a` reads a file as seen from the root; `b` uses a module of another folder; `c` stays as it is. */
export const PLACED: Readonly<Record<string, string>> = {
  'texts/a.sql': 'select 1\n',
  'texts/c.sql': 'select 9\n',
  'team/code/tools.py': 'def run(text): return text\n',
  'team/code/defs.py': `
from pathlib import Path
import dagster as dg
import tools

assert Path("texts").is_dir()

@dg.asset
def a(): return open("texts/a.sql").read()

@dg.asset
def b(): return tools.run("b")

@dg.asset
def c(): return Path("texts/c.sql").read_text()
`,
};

/** What says where that location's code starts and imports from. */
export const LAYOUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  workspace: {
    'workspace.yaml':
      'load_from:\n  - python_module: { module_name: defs, location_name: team, working_directory: team/code }\n',
  },
  cloud: {
    'dagster_cloud.yaml':
      'locations:\n  - location_name: team\n    code_source: { python_file: team/code/defs.py }\n    working_directory: team/code\n',
  },
};
