import type { Files } from '../app-world.ts';

const PROJECT: Files = {
  'dg.toml': 'directory_type = "project"\n[project]\nroot_module = "shop"\n',
  'shop/__init__.py': '',
  'shop/defs/__init__.py': '',
  'shop/defs/tables/defs.yaml': 'type: shop.tables.Tables\n',
  'shop/definitions.py': `
from pathlib import Path
from dagster import definitions, load_from_defs_folder

@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
`,
  'shop/tables.py': `
import dagster as dg
from dagster.components.utils.defs_state import DefsStateConfig, DefsStateConfigArgs

class Tables(dg.StateBackedComponent, dg.Model, dg.Resolvable):
    @property
    def defs_state_config(self):
        return DefsStateConfig.from_args(DefsStateConfigArgs.local_filesystem(), default_key="Tables")

    def write_state_to_path(self, state_path):
        state_path.write_text("orders")

    def build_defs_from_state(self, context, state_path):
        return dg.Definitions(assets=[dg.AssetSpec(state_path.read_text())] if state_path else [])
`,
};

/** A project of dg's with a component that makes its assets of a state (`Tables`), which is not there. @param folder where; ends with `/` */
export function statelessProject(folder = ''): Files {
  return Object.fromEntries(Object.entries(PROJECT).map(([path, content]) => [`${folder}${path}`, content]));
}
