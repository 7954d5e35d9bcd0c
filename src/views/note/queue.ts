import { nameHolders } from '../../deployment/admission.ts';
import { escapeText } from './escape.ts';
import type { NoteApp } from './model.ts';

/** Why an app waits, and for whom. Empty where it does not. */
export function renderQueue(app: NoteApp): string {
  if (app.queue === null) return '';
  const { limit } = app.queue;
  const all = limit === 1 ? 'The one place is' : `All ${limit} places are`;
  const holders = nameHolders(app.queue);
  return (
    `**${escapeText(app.label)}** waits for a place (number ${app.queue.place} in the queue). ` +
    (holders === '' ? '' : `${all} taken by ${holders}. `) +
    'It starts by itself when its turn comes; `/undeploy` in another merge request frees a place sooner.'
  );
}
