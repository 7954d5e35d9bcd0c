"""What a dbt model is made of, read from the manifest: its raw code and config, the macros and variables that they use.

dbt's own code version is a hash of the raw code alone: an edit of a macro changes none.
"""

import json
import os
import re

from .graph import digest

# What dagster-dbt puts below a description, unless there are many models (`default_description_fn`).
RAW_SQL = re.compile(r"(\n\n|\A)#### Raw SQL:\n```sql\n.*\n```\Z", re.DOTALL)
VARIABLE = re.compile(r"\bvar\(\s*['\"]([\w.:-]+)['\"]")
# These keys of a config are compared as tags, groups and descriptions, or make no difference to the table.
NOT_SOURCE = frozenset(["meta", "tags", "docs", "group", "access", "enabled"])


def description_of(asset):
    """What is said of an asset; of a model without its SQL, which is compared as source."""
    text = asset.description
    return RAW_SQL.sub("", text) if text and "dagster_dbt/manifest" in asset.metadata else text


class DbtSources:
    """Sources of models, by manifest. A manifest has thousands of macros, of which each is read once."""

    def __init__(self, reach):
        self._reach = reach
        self._projects = {}

    def edges(self, asset):
        wrapper = asset.metadata.get("dagster_dbt/manifest")
        manifest = getattr(wrapper, "manifest", None)
        if not manifest:
            return []
        project = self._projects.get(id(manifest))
        if project is None:
            directory = directory_of(self._reach.own, manifest, asset.metadata.get("dagster_dbt/project"))
            project = self._projects[id(manifest)] = DbtProject(manifest, directory, self._reach.own)
            if directory:
                self._reach.dbt_projects.add(directory)
        unique_id = asset.metadata.get("dagster_dbt/unique_id") or project.find(asset)
        if unique_id is None:
            self._reach.note_gap("no dbt node of " + asset.key.to_user_string())
            return []
        return [("dbt", self._reach.text_node(text)) for text in project.texts_of(unique_id)]


class DbtProject:
    def __init__(self, manifest, directory, own):
        self._manifest = manifest
        self._own = own
        self._nodes = manifest.get("nodes", {})
        self._macros = manifest.get("macros", {})
        self._own_packages = {manifest.get("metadata", {}).get("project_name")} | local_packages(directory)
        self._directory = directory
        self._variables = variables_of(directory)
        self._reached = {}
        self._by_key = None

    def find(self, asset):
        """The node of an asset, where this release of dagster-dbt does not say it."""
        if self._by_key is None:
            translator = asset.metadata.get("dagster_dbt/dagster_dbt_translator")
            self._by_key = (
                {}
                if translator is None
                else {
                    translator.get_asset_key(node): unique_id
                    for unique_id, node in self._nodes.items()
                    if node.get("resource_type") in ("model", "seed", "snapshot")
                }
            )
        return self._by_key.get(asset.key)

    def texts_of(self, unique_id):
        """Texts of the node, of ephemeral models that become part of its SQL, of macros and variables."""
        texts, sql, macros = [], [], set()
        for node in self._with_ephemeral(unique_id):
            code = node.get("raw_code") or node.get("raw_sql") or ""
            texts.append("dbt node " + self._canonical(self._facts(node, code)))
            sql.append(code)
            macros.update(node.get("depends_on", {}).get("macros", []))
        for macro in self._closure(macros):
            text = self._macros[macro].get("macro_sql", "")
            if self._macros[macro].get("package_name") in self._own_packages:
                texts.append("dbt macro " + text)
                sql.append(text)
        for name in sorted({name for text in sql for name in VARIABLE.findall(text)}):
            values = [table[name] for table in self._variables if name in table]
            texts.append("dbt variable %s %s" % (name, self._canonical(values)))
        return texts

    def _canonical(self, value):
        return digest(self._own.portable(json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)))

    def _facts(self, node, code):
        config = {key: value for key, value in node.get("config", {}).items() if key not in NOT_SOURCE}
        facts = {"code": code, "config": config, "language": node.get("language")}
        if not code:  # a seed is its file
            facts["checksum"] = node.get("checksum", {}).get("checksum")
        if (config.get("contract") or {}).get("enforced"):
            facts["columns"] = {
                name: [column.get("data_type"), column.get("constraints")]
                for name, column in node.get("columns", {}).items()
            }
        return facts

    def _with_ephemeral(self, unique_id):
        found, wanted = {}, [unique_id]
        while wanted:
            name = wanted.pop()
            node = self._nodes.get(name)
            if node is None or name in found:
                continue
            if name == unique_id or node.get("config", {}).get("materialized") == "ephemeral":
                found[name] = node
                wanted += node.get("depends_on", {}).get("nodes", [])
        return found.values()

    def _closure(self, macros):
        found = set()
        for macro in macros:
            found |= self._reached_from(macro)
        return sorted(found)

    def _reached_from(self, macro):
        if macro not in self._reached:
            found, wanted = set(), [macro]
            while wanted:
                name = wanted.pop()
                if name in self._macros and name not in found:
                    found.add(name)
                    wanted += self._macros[name].get("depends_on", {}).get("macros", [])
            self._reached[macro] = found
        return self._reached[macro]


def directory_of(own, manifest, project):
    """The project's folder: as the asset's definition has it, else the one below the root whose `dbt_project.yml` has its name."""
    directory = getattr(project, "project_dir", None)
    if directory is not None and os.path.isdir(str(directory)):
        return str(directory)
    name = manifest.get("metadata", {}).get("project_name")
    for at, folders, files in os.walk(own.root):
        folders[:] = [
            one for one in folders if not one.startswith(".") and one not in ("node_modules", "dbt_packages", "target")
        ]
        if "dbt_project.yml" in files and read_yaml(os.path.join(at, "dbt_project.yml")).get("name") == name:
            return at
    return None


def local_packages(directory):
    """Packages that are folders of the repository: dbt makes links to them."""
    folder = os.path.join(directory or "", "dbt_packages")
    if not directory or not os.path.isdir(folder):
        return set()
    links = [os.path.join(folder, name) for name in os.listdir(folder) if os.path.islink(os.path.join(folder, name))]
    return {read_yaml(os.path.join(link, "dbt_project.yml")).get("name") for link in links}


def variables_of(directory):
    """Tables of variables: those of the project, and those of one package each."""
    variables = read_yaml(os.path.join(directory, "dbt_project.yml")).get("vars") if directory else None
    if not isinstance(variables, dict):
        return []
    return [variables] + [value for value in variables.values() if isinstance(value, dict)]


def read_yaml(path):
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            return yaml.safe_load(file) or {}
    except (OSError, yaml.YAMLError):
        return {}
