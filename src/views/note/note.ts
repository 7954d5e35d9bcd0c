import { renderActions } from './actions.ts';
import { renderApproval } from './approval.ts';
import { renderChanges } from './changes.ts';
import { renderFailure } from './failure.ts';
import { renderHead } from './head.ts';
import { NOTE_MARKER } from './marker.ts';
import type { NoteApp, NoteModel } from './model.ts';
import { renderParts } from './parts.ts';
import { renderQueue } from './queue.ts';
import { renderTable } from './table.ts';

export type { NoteApp, NoteError, NoteModel, NoteRevision } from './model.ts';

/** GitLab takes 1,000,000 characters (doc/api/notes.md), people far fewer. */
const MAX_DETAILS = 100_000;
const MAX_ROWS = 100;
const TOO_MANY_CHANGES =
  'What it changes is too much for this note: `GET /api/deployments/:name/changes` tells all of it.';

const joined = (parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n\n');

/** The note's text, in GitLab's Markdown, as a function of the model alone. */
export function renderNote(model: NoteModel): string {
  const heading = model.apps.length === 1 ? '### Branch deployment' : '### Branch deployments';
  const left = model.apps.length - MAX_ROWS;
  const sections = [
    `${NOTE_MARKER}\n${heading}`,
    renderTable(model.apps.slice(0, MAX_ROWS)),
    renderApproval(model),
    ...(left > 0 ? [`And ${left} more apps.`] : []),
    ...renderDetails(model.apps.slice(0, MAX_ROWS)),
    renderActions(model),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function renderDetails(apps: readonly NoteApp[]): string[] {
  const details: string[] = [];
  let length = 0;
  for (const app of apps) {
    const failure = renderFailure(app);
    const head = renderHead(app, { named: apps.length > 1 });
    const named = apps.length > 1;
    const parts = renderParts(app, { named: named && failure === '' });
    const detail = joined([head, renderQueue(app), failure, parts]);
    length += detail.length;
    if (length > MAX_DETAILS) return [...details, 'More errors are in the logs of the deploy jobs.'];
    const changes = app.changes ? renderChanges(app.changes, { label: named ? app.label : undefined }) : '';
    // An app's changes may be many, and the next one's error is more.
    const shown = length + changes.length > MAX_DETAILS ? TOO_MANY_CHANGES : changes;
    length += shown.length;
    details.push(joined([detail, shown]));
  }
  return details;
}
