import { renderActions } from './actions.ts';
import { renderApproval } from './approval.ts';
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
    const detail = [head, renderQueue(app), failure, renderParts(app, { named: apps.length > 1 && failure === '' })]
      .filter((part) => part !== '')
      .join('\n\n');
    length += detail.length;
    if (length > MAX_DETAILS) return [...details, 'More errors are in the logs of the deploy jobs.'];
    details.push(detail);
  }
  return details;
}
