import { partsOfKey } from '../../deployment/asset-key.ts';
import {
  type AlsoChanged,
  type AssetChange,
  type ChangeGraph,
  type Changes,
  type KeyDifference,
  kindOfChange,
  type MissingFiles,
  type TargetChanges,
  type UnknownLocation,
  type ValueDifference,
} from '../../deployment/changes.ts';
import { MASK } from '../../deployment/mask.ts';
import { countsOf, detailsOf, missingFilesText, REASONS } from '../change-words.ts';
import { renderChangeGraph } from './change-graph.ts';
import { escapeText, link, shortSha } from './escape.ts';
import { fold } from './fold.ts';

/** What the note tells of an app's changes. */
export interface NoteChanges {
  /** The commit that it was compared with; null where it is not known. */
  readonly base: { readonly sha: string; readonly url: string } | null;
  /** Of the preview: links lead into its Dagster. */
  readonly url: string;
  /** Why the changes are not known, in a sentence; null where they are. */
  readonly unknown: string | null;
  readonly changes: Changes;
  readonly graph: ChangeGraph | null;
  /** Code locations that could not be compared. */
  readonly unknownLocations: readonly UnknownLocation[];
  /** What the target branch has changed too; null where there is nothing to say. */
  readonly target: TargetChanges | null;
  /** Paths of lock files that differ. */
  readonly lockFiles: readonly string[];
  /** Files of the base that the next revision is not given; null where it is given all that it asks for. */
  readonly missingFiles: MissingFiles | null;
}

const MAX_ROWS = 100;
const MAX_KEYS = 5;
const MAX_KEY = 120;
/** Browsers take longer ones, proxies often do not (nginx: large_client_header_buffers, 8k for the whole line). */
const MAX_URL = 4_000;

/** Counts in one line, and in a fold each changed asset with its reasons, names that came and went, and a graph. */
export function renderChanges(told: NoteChanges, options: { readonly label?: string | undefined } = {}): string {
  const of = options.label === undefined ? '' : ` of ${escapeText(options.label)}`;
  const against = `${of}${told.base === null ? '' : ` against ${link(shortSha(told.base.sha), told.base.url)}`}`;
  if (told.unknown !== null)
    return [`**Changes${against}** are unknown: ${escapeText(told.unknown)}`, ...missing(told.missingFiles)].join(
      '\n\n',
    );
  return [compared(told, against), meeting(told), besides(told)].filter((part) => part !== '').join('\n\n');
}

function compared(told: NoteChanges, against: string): string {
  const { changes } = told;
  const counts = countsOf(changes);
  if (counts.length === 0 && changes.assets.length === 0) return `**Changes${against}**: nothing changed.`;
  const line = `**Changes${against}**: ${counts.join(', ') || 'no asset counts as changed'}.${openLink(told)}`;
  const blocks = [assetTable(told), namedList(changes), ...(told.graph ? [renderChangeGraph(told.graph)] : [])];
  return `${line}\n\n${fold(
    'What changed',
    blocks.filter((block) => block !== ''),
  )}`;
}

/** That the merge will meet other changes of the same assets. */
function meeting({ target }: NoteChanges): string {
  if (target === null) return '';
  const keys = target.keys.slice(0, MAX_KEYS).map((key) => escapeText(key, { maxLength: MAX_KEY }));
  const left = target.keys.length - keys.length;
  const names = [...keys, ...(left > 0 ? [`and ${left} more`] : [])].join(', ');
  return `⚠️ The target branch has changed assets that this branch changes too, as of ${link(shortSha(target.sha), target.url)}: ${names}`;
}

/** What concerns all assets, or none that is listed. */
function besides({ lockFiles, missingFiles, unknownLocations }: NoteChanges): string {
  const files = some(lockFiles, pathText);
  const unknown = some(unknownLocations, (one) => {
    const name = escapeText(one.location, { maxLength: MAX_KEY });
    return `Changes of code location ${name} are unknown: ${escapeText(one.reason)}`;
  });
  const packages = files.length > 0 ? [`The packages that it runs with differ: ${files.join(', ')}`] : [];
  return [...packages, ...missing(missingFiles), ...unknown].join('<br>');
}

function missing(files: MissingFiles | null): string[] {
  if (files === null) return [];
  const reason = files.reason === null ? null : escapeText(files.reason);
  return [`⚠️ ${missingFilesText({ paths: some(files.paths, pathText), reason })}`];
}

function some<T>(all: readonly T[], show: (one: T) => string): string[] {
  const left = all.length - MAX_KEYS;
  return [...all.slice(0, MAX_KEYS).map(show), ...(left > 0 ? [`and ${left} more`] : [])];
}

const pathText = (path: string): string => escapeText(path, { maxLength: MAX_KEY });

/** Opens exactly the changed assets; Dagster's selection by key (docs.dagster.io, "Asset selection syntax"). */
function openLink({ changes, url }: NoteChanges): string {
  // The selection knows keys as people see them.
  const keys = new Set(
    changes.assets.filter((one) => isThere(one) && hasPage(one)).map(({ key }) => partsOfKey(key).join('/')),
  );
  if (keys.size === 0) return '';
  // Its grammar has no escapes: what may not stand between quotes would make all of it invalid. A star is any text.
  const selection = [...keys].map((key) => `key:"${key.replaceAll(/["\\\r\n]/g, '*')}"`).join(' or ');
  const target = dagsterUrl({ url }, `assets?asset-selection=${encodeText(selection)}`);
  return target.length > MAX_URL ? '' : ` ${link('Open them in Dagster', target)}`;
}

function isThere(change: AssetChange): boolean {
  const kind = kindOfChange(change);
  return kind === 'new' || kind === 'changed' || kind === 'moved here';
}

/** With a secret in it, the key is not the one that is shown. */
const hasPage = ({ key }: AssetChange): boolean => !key.includes(MASK);

/** A page of the preview's Dagster. */
function dagsterUrl({ url }: Pick<NoteChanges, 'url'>, path: string): string {
  return `${url.replace(/\/$/, '')}/${path}`;
}

function assetTable(told: NoteChanges): string {
  const assets = told.changes.assets.filter((one) => kindOfChange(one) !== 'moved away');
  if (assets.length === 0) return '';
  const manyLocations = new Set(assets.map((one) => one.location)).size > 1;
  const rows = assets.slice(0, MAX_ROWS).map((one) => {
    const text = escapeText(one.key, { maxLength: MAX_KEY }) || '–';
    const hasLink = one.reasons[0] !== 'REMOVED' && hasPage(one);
    const name = hasLink ? link(text, dagsterUrl(told, `assets/${pathOf(one.key)}`)) : text;
    const place = manyLocations ? `<br>${escapeText(one.location, { maxLength: MAX_KEY })}` : '';
    return `| ${name}${place} | ${changeOf(one)} | ${detailOf(one)} |`;
  });
  const left = assets.length - rows.length;
  return [
    '| Asset | Change | Detail |',
    '|---|---|---|',
    ...rows,
    ...(left > 0 ? [`| and ${left} more | | |`] : []),
  ].join('\n');
}

const pathOf = (key: string) => partsOfKey(key).map(encodeText).join('/');

/** `encodeURIComponent` refuses half of a surrogate pair. */
const encodeText = (text: string) => encodeURIComponent(text.replace(/\p{Cs}/gu, '\uFFFD'));

function changeOf({ reasons, movedFrom, sinceMove, also }: AssetChange): string {
  const own = movedFrom === undefined ? reasons : (sinceMove ?? []);
  const moved = movedFrom === undefined ? [] : [`moved from ${escapeText(movedFrom, { maxLength: MAX_KEY })}`];
  return [...moved, ...own.map((one) => REASONS[one]), ...alsoOf(also)].join(', ');
}

const alsoOf = (also: readonly AlsoChanged[]) => (also.length === 0 ? [] : [`also ${also.join(', ')}`]);

const detailOf = ({ details }: AssetChange): string =>
  detailsOf(details, { value: bothValues, keys: keysOf }).join('<br>');

function bothValues(one: ValueDifference): string {
  const text = (value: string | null) => (value === null ? 'none' : escapeText(value, { maxLength: MAX_KEY }));
  return `${text(one.old)} → ${text(one.new)}`;
}

function keysOf(difference: KeyDifference): string {
  const list = (keys: readonly string[], sign: string) =>
    keys.slice(0, MAX_KEYS).map((key) => `${sign}${escapeText(key, { maxLength: MAX_KEY })}`);
  const shown = [
    ...list(difference.added, '\\+'),
    ...list(difference.changed, '\\~'),
    ...list(difference.removed, '−'),
  ];
  const left = difference.added.length + difference.changed.length + difference.removed.length - shown.length;
  return [...shown, ...(left > 0 ? [`and ${left} more`] : [])].join(', ');
}

function namedList({ named }: Changes): string {
  const lines = named
    .slice(0, MAX_ROWS)
    .map((one) => `- ${one.kind} ${escapeText(one.name, { maxLength: MAX_KEY })} ${one.change}`);
  const left = named.length - lines.length;
  return [...lines, ...(left > 0 ? [`- and ${left} more`] : [])].join('\n');
}
