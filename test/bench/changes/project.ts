import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const A_FILE = 100;
const PARENTS = 3;
/** One of so many assets differs in the branch. */
const CHANGED_ONE_IN = 20;

/**
 * Writes a project of plain assets, 100 a file, each of three that come before it. In the branch every twentieth differs, by turns in one
 * thing that Dagster compares: tags, metadata, code version, dependencies.
 */
export function writeProject(folder: string, assets: number, side: 'base' | 'branch'): void {
  mkdirSync(folder, { recursive: true });
  const files = Math.ceil(assets / A_FILE);
  for (let file = 0; file < files; file += 1) {
    const of = Array.from({ length: Math.min(A_FILE, assets - file * A_FILE) }, (_, at) => file * A_FILE + at);
    const texts = of.map((at) => assetText(at, side));
    const names = of.map((at) => `asset_${at}`).join(', ');
    const head = 'import dagster as dg\n\nfrom helpers import clean\n';
    writeFileSync(join(folder, `part_${file}.py`), [head, ...texts, `ASSETS = [${names}]\n`].join('\n\n'));
  }
  writeFileSync(join(folder, 'helpers.py'), 'def clean(rows):\n    return [row for row in rows if row]\n');
  const parts = Array.from({ length: files }, (_, file) => `part_${file}`);
  const all = parts.map((part) => `*${part}.ASSETS`).join(', ');
  writeFileSync(
    join(folder, 'definitions.py'),
    `import dagster as dg\n\nimport ${parts.join(', ')}\n\ndefs = dg.Definitions(assets=[${all}])\n`,
  );
}

function assetText(at: number, side: 'base' | 'branch'): string {
  const turn = side === 'branch' && at % CHANGED_ONE_IN === 7 ? ((at / CHANGED_ONE_IN) % 4) | 0 : -1;
  // Spread over the thousand before it, never the same twice.
  const parents =
    at < PARENTS ? [] : [1, 2, 3].map((step) => Math.max(0, at - step * (1 + (at % 300)) + (step === 3 ? 1 : 0)));
  const deps = [...new Set(turn === 3 ? parents.slice(1) : parents)].map((parent) => `"asset_${parent}"`);
  const said = [
    `deps=[${deps.join(', ')}]`,
    `tags={"team": "${turn === 0 ? 'blue' : 'red'}", "tier": "${at % 3}"}`,
    `metadata={"rows": ${turn === 1 ? at + 1 : at}, "owner": "team ${at % 10}"}`,
    `code_version="${turn === 2 ? 2 : 1}"`,
    `group_name="group_${at % 40}"`,
    ...(at % 4 === 0 ? ['partitions_def=dg.DailyPartitionsDefinition("2024-01-01")'] : []),
  ].join(', ');
  return `@dg.asset(${said})\ndef asset_${at}():\n    return clean([${at}])\n`;
}
