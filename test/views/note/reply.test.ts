import { describe, expect, it } from 'vitest';
import { isMarked } from '../../../src/views/note/marker.ts';
import { renderReply, replyMarker } from '../../../src/views/note/reply.ts';
import { revision } from './models.ts';

describe('a reply', () => {
  it('to /deploy without code says that a pipeline must run', () => {
    expect(renderReply('no-bundle', 1244, revision().sha)).toMatchInlineSnapshot(`
      "<!-- branch-deployments:reply:1244 -->
      There is no code to deploy any more: a pipeline must run. Start a new pipeline of this merge request (*Pipelines*, *Run pipeline*), or push.
      "
    `);
  });

  it('to a bare /deploy of a fork, or another commit, names the line to write', () => {
    const line = '`/deploy 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d`';
    for (const kind of ['needs-approval', 'wrong-commit'] as const)
      expect(renderReply(kind, 1, revision().sha)).toContain(`comment ${line}.`);
  });

  it.each(['no-bundle', 'not-open', 'not-yet', 'no-forks', 'needs-approval', 'wrong-commit'] as const)(
    '%s is found again by the comment it answers, and is not the note',
    (kind) => {
      const reply = renderReply(kind, 12, revision().sha);
      expect(reply.startsWith(replyMarker(12))).toBe(true);
      expect(reply.startsWith(replyMarker(1))).toBe(false);
      expect(isMarked(reply)).toBe(false);
      expect(reply.split('\n').filter((line) => line.startsWith('/'))).toEqual([]);
    },
  );
});
