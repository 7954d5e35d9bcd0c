import {
  type AssetChange,
  type Changes,
  type KeyDifference,
  kindOfChange,
  type ValueDifference,
} from '../deployment/changes.ts';
import { plainLines } from '../deployment/plain-text.ts';
import { countsOf, detailsOf, REASONS } from './change-words.ts';

/** Changes as lines for a terminal: counts in one line, then each changed asset with its reasons and details. */
export function renderChangesText(changes: Changes): string {
  const counts = countsOf(changes).join(', ');
  if (counts === '' && changes.assets.length === 0) return 'Nothing changed.\n';
  const { assets, downstream, named } = changes;
  const lines = [
    `${counts || 'No asset counts as changed'}.`,
    ...section('', assets.filter((one) => kindOfChange(one) !== 'moved away').flatMap(assetLines)),
    ...section(
      'Downstream of a change, and as they were:',
      downstream.map(({ location, key, path }) => `  ${name(location, key)}  ${text(path.join(' → '))}`),
    ),
    ...section(
      'Added and removed beside assets:',
      named.map((one) => `  ${one.change}: ${one.kind} ${name(one.location, one.name)}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...(title === '' ? [] : [title]), ...lines];
}

function assetLines(change: AssetChange): string[] {
  const { location, key, reasons, movedFrom, sinceMove, also, details } = change;
  const own = movedFrom === undefined ? reasons : (sinceMove ?? []);
  const words = [
    ...(movedFrom === undefined ? [] : [`moved from ${text(movedFrom)}`]),
    ...own.map((one) => REASONS[one]),
    ...(also.length === 0 ? [] : [`also ${also.join(', ')}`]),
  ];
  return [
    `  ${name(location, key)}  ${words.join(', ')}`,
    ...detailsOf(details, { value: bothValues, keys: keysOf }).map((line) => `      ${line}`),
  ];
}

function bothValues(one: ValueDifference): string {
  return `${text(one.old ?? 'none')} → ${text(one.new ?? 'none')}`;
}

function keysOf({ added, changed, removed }: KeyDifference): string {
  const signed = (sign: string, keys: readonly string[]) => keys.map((key) => `${sign}${text(key)}`);
  return [...signed('+', added), ...signed('~', changed), ...signed('-', removed)].join(' ');
}

const name = (location: string, key: string) => text(`${location}/${key}`);

/** A project's texts must not steer the terminal. */
const text = (value: string) => plainLines(value).join(' ');
