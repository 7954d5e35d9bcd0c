import { parseArgs } from 'node:util';
import { type Figure, renderFigure } from './report.ts';

const BENCHES: Readonly<
  Record<string, () => Promise<(options: { readonly quick: boolean }) => Promise<readonly Figure[]>>>
> = {
  changes: async () => (await import('./changes.ts')).benchChanges,
  dagster: async () => (await import('./dagster.ts')).benchDagster,
  lifecycle: async () => (await import('./lifecycle.ts')).benchLifecycle,
  redeploy: async () => (await import('./redeploy.ts')).benchRedeploy,
  scale: async () => (await import('./scale.ts')).benchScale,
  webhook: async () => (await import('./webhook.ts')).benchWebhook,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
});
const name = positionals[0] ?? '';
const load = BENCHES[name];
if (!load) {
  console.error(`npm run bench -- <name> [--quick], where <name> is one of: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
const figures = await (await load())({ quick: values.quick });
for (const figure of figures) console.log(renderFigure(name, figure));
process.exit(0);
