import { cleanLines } from './clean-text.ts';
import { codeFence, codeSpan, escapeText } from './escape.ts';
import { fold } from './fold.ts';
import type { NoteApp } from './model.ts';

const LOG_LINES = 30;
const MESSAGE_LINES = 40;

/** Why an app failed: the first line in sight, the rest and the log in a fold. Empty where it did not fail. */
export function renderFailure(app: NoteApp): string {
  if (app.phase !== 'failed' || app.error === null) return '';
  const message = cleanLines(app.error.message);
  const first = codeSpan(message.find((line) => line.trim() !== '') ?? 'no reason is known');
  const line = `**${escapeText(app.label)}** failed: ${first}`;
  const more = message.length > 1 ? [codeFence(message.slice(0, MESSAGE_LINES))] : [];
  const log =
    app.error.logLines.length > 0 ? ['Last lines of the log:', codeFence(app.error.logLines.slice(-LOG_LINES))] : [];
  return [line, ...(more.length + log.length > 0 ? [fold('Error and last log lines', [...more, ...log])] : [])].join(
    '\n\n',
  );
}
