import type { PartHealth } from '../../deployment/launch.ts';
import { codeFence, escapeText } from './escape.ts';
import { fold } from './fold.ts';
import type { NoteApp } from './model.ts';

const MAX_ROWS = 50;
const MAX_STACKS = 5;

const STATES: Readonly<Record<PartHealth['state'], string>> = {
  healthy: '✅ Loaded',
  waiting: '🕐 Loading',
  failed: '❌ Failed',
};

/** A row for each code location, and the stacks of those that did not load. Empty where the app has no parts or is gone. */
export function renderParts(app: NoteApp, options: { readonly named: boolean }): string {
  if (app.parts.length === 0 || app.phase === 'stopped' || app.phase === 'stopping') return '';
  const loaded = app.parts.filter((part) => part.state === 'healthy');
  const warnings = loaded.filter((part) => part.message !== undefined).length;
  const rows = app.parts.slice(0, MAX_ROWS).map((part) => `| ${escapeText(part.name) || '–'} | ${statusOf(part)} |`);
  const left = app.parts.length - rows.length;
  const table = [
    '| Code location | Status |',
    '|---|---|',
    ...rows,
    ...(left > 0 ? [`| and ${left} more | |`] : []),
  ].join('\n');
  const stacks = app.parts
    .filter((part) => part.state === 'failed' && !part.absent && part.message !== undefined)
    .slice(0, MAX_STACKS);
  const warned = warnings === 0 ? '' : `, ${warnings} with a warning`;
  const folded = fold(`Code locations: ${loaded.length} of ${app.parts.length} loaded${warned}`, [
    table,
    ...stacks.map((part) => `**${escapeText(part.name)}**\n\n${codeFence([part.message ?? ''])}`),
  ]);
  return options.named ? `**${escapeText(app.label)}**\n\n${folded}` : folded;
}

function statusOf({ state, message, absent }: PartHealth): string {
  if (absent && message !== undefined) return `❌ Not loaded: ${escapeText(message)}`;
  return state === 'healthy' && message !== undefined ? `⚠️ Loaded: ${escapeText(message)}` : STATES[state];
}
