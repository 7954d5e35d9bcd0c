import { DAGSTER_VERSION } from '../../src/apps/dagster/versions.ts';
import { fixtureFiles } from '../support/projects.ts';

/** A small Dagster project of one layout. */
export interface LayoutProject {
  readonly files: Readonly<Record<string, string>>;
  /** What the job's log says was recognised. */
  readonly recognised: string;
  /** What its preview must have loaded: assets by location. */
  readonly loaded: Readonly<Record<string, readonly string[]>>;
}

const PROJECT = (name: string) =>
  `[project]\nname = "${name}"\nversion = "0.1.0"\nrequires-python = ">=3.10,<3.15"\n\n[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n`;

/** Definitions with one asset, under a name of their own where the layout names an attribute. */
const assets = (asset: string, options: { attribute?: string; before?: string } = {}) =>
  `import dagster as dg\n${options.before ?? ''}\n\n@dg.asset\ndef ${asset}() -> int:\n    return 1\n\n\n${options.attribute ?? 'defs'} = dg.Definitions(assets=[${asset}])\n`;

/** As it stands in a repository that comes from Dagster+, with nothing beside it for this service. */
const DAGSTER_CLOUD: LayoutProject = {
  recognised: 'preset dagster: dagster_cloud.yaml lists 3 locations',
  files: {
    'dagster_cloud.yaml': `defaults:
  image: registry.example.com/etl:latest
locations:
  - location_name: orders
    code_source: { package_name: orders }
    attribute: all_orders
    container_context: { k8s: { namespace: data } }
  - location_name: prices
    code_source: { module_name: prices.definitions }
    working_directory: ./lib
  - location_name: ml
    code_source: { python_file: ml.py }
    build: { directory: ./ml, registry: registry.example.com }
`,
    'requirements.txt': `dagster==${DAGSTER_VERSION}\n`,
    'orders/__init__.py': assets('daily_orders', { attribute: 'all_orders' }),
    'lib/prices/__init__.py': '',
    'lib/prices/definitions.py': assets('list_prices'),
    // Read from the folder that its code server must start in.
    'ml/ml.py': assets('model', { before: '\nNAME = open("name.txt").read()\n' }),
    'ml/name.txt': 'model',
  },
  loaded: { orders: ['daily_orders'], prices: ['list_prices'], ml: ['model'] },
};

/** A monorepo: projects of dg whose one lock file, and the package that they share, lie above them. */
const WORKSPACE: LayoutProject = {
  recognised: 'preset dagster: dg.toml declares a workspace of 2 projects',
  files: {
    'dg.toml':
      'directory_type = "workspace"\n\n[[workspace.projects]]\npath = "services/orders"\n\n[[workspace.projects]]\npath = "services/stock"\n',
    'pyproject.toml': '[tool.uv.workspace]\nmembers = ["services/*", "libs/*"]\n',
    'uv.lock': workspaceLock(),
    'libs/common/pyproject.toml': PROJECT('common'),
    'libs/common/src/common/__init__.py': 'GROUP = "shop"\n',
    ...member('orders', 'orders'),
    ...member('stock', 'stock', 'code_location_name = "stock-levels"\n'),
  },
  loaded: { orders: ['orders'], 'stock-levels': ['stock'] },
};

function member(name: string, asset: string, dg = ''): Record<string, string> {
  const folder = `services/${name}`;
  const depends = `dependencies = ["dagster==${DAGSTER_VERSION}", "common"]\n\n[tool.uv.sources]\ncommon = { workspace = true }\n`;
  return {
    [`${folder}/pyproject.toml`]: PROJECT(name).replace('\n[build-system]', `${depends}\n[build-system]`),
    [`${folder}/dg.toml`]: `directory_type = "project"\n\n[project]\nroot_module = "${name}"\n${dg}`,
    [`${folder}/src/${name}/__init__.py`]: '',
    [`${folder}/src/${name}/definitions.py`]: assets(asset, { before: 'from common import GROUP\n' }),
  };
}

/** What `uv lock` makes of it, with the versions of the fixture's lock file: the packages that the tests have at hand. */
function workspaceLock(): string {
  const lock = fixtureFiles('dagster-quickstart')['uv.lock'] as string;
  const own = /\[\[package\]\]\nname = "quickstart"\n[\s\S]*?(?=\[\[package\]\])/;
  const members = ['orders', 'stock'].map(
    (name) =>
      `[[package]]\nname = "${name}"\nversion = "0.1.0"\nsource = { editable = "services/${name}" }\ndependencies = [\n    { name = "common" },\n    { name = "dagster" },\n]\n\n[package.metadata]\nrequires-dist = [\n    { name = "common", editable = "libs/common" },\n    { name = "dagster", specifier = "==${DAGSTER_VERSION}" },\n]\n\n`,
  );
  const common = '[[package]]\nname = "common"\nversion = "0.1.0"\nsource = { editable = "libs/common" }\n\n';
  const manifest = '[manifest]\nmembers = [\n    "common",\n    "orders",\n    "stock",\n]\n\n';
  return lock.replace(own, common + members.join('')).replace('[[package]]', `${manifest}[[package]]`);
}

/**
 * The projects, by what declares their locations; a single project of dg is the one of `dagster.test.ts`. `setup` gives a location its environment where that is
 * not what is looked at.
 */
export function layoutProjects(setup: string): Readonly<Record<string, LayoutProject>> {
  const appFile = (keys = '') => ({ '.branch-deployment.yml': `setup: ${setup}\ndaemon: none\n${keys}` });
  return {
    'dagster_cloud.yaml': DAGSTER_CLOUD,
    'a workspace of dg below one uv.lock': WORKSPACE,
    'workspace.yaml': {
      recognised: 'preset dagster: workspace.yaml lists 3 locations',
      files: {
        ...appFile(),
        'workspace.yaml': `load_from:
  - python_file: { relative_path: etl/main.py, attribute: etl_defs, working_directory: etl }
  - python_module: { module_name: shop.definitions, location_name: shop }
  - python_package: tools
`,
        'etl/main.py': assets('loaded_rows', { attribute: 'etl_defs', before: 'from tables import ROWS\n' }),
        'etl/tables.py': 'ROWS = 1\n',
        'shop/__init__.py': '',
        'shop/definitions.py': assets('orders'),
        'tools/__init__.py': assets('wrench'),
      },
      loaded: { 'main.py:etl_defs': ['loaded_rows'], shop: ['orders'], tools: ['wrench'] },
    },
    '[tool.dagster]': {
      recognised: 'preset dagster: [tool.dagster] in pyproject.toml names the modules a.defs, b.defs',
      files: {
        ...appFile(),
        'pyproject.toml': `${PROJECT('two')}\n[tool.dagster]\nmodules = [{ type = "module", name = "a.defs" }, { type = "module", name = "b.defs" }]\n`,
        'a/__init__.py': '',
        'a/defs.py': assets('first'),
        'b/__init__.py': '',
        'b/defs.py': assets('second'),
      },
      loaded: { 'a.defs': ['first'], 'b.defs': ['second'] },
    },
    'locations of the app file': {
      recognised: 'preset dagster: .branch-deployment.yml names its locations',
      files: {
        ...appFile(
          'persist: [etl/state]\nlocations:\n  - { name: etl, directory: etl, file: definitions.py }\n  - { name: gone, directory: etl, module: not_there, optional: true }\n',
        ),
        // Comes after the app file: it would be refused.
        'workspace.yaml': 'load_from: [{ grpc_server: { host: production, port: 4000 } }]\n',
        'etl/definitions.py': assets('rows', { before: 'import os\n\nassert os.path.islink("state")\n' }),
        'etl/state/seed': '',
      },
      loaded: { etl: ['rows'] },
    },
  };
}
