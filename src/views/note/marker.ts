/** First line of the note, hidden when shown: by it and its author the note is found again. */
export const NOTE_MARKER = '<!-- branch-deployments -->';

/** Whether a comment is the note. Anyone can write the marker: look at the author too. */
export function isMarked(body: string): boolean {
  return body.startsWith(NOTE_MARKER);
}
