import { and, asc, eq, gt, isNull, ne, or } from 'drizzle-orm';
import type { CommentOutcome } from '../deployment/commands.ts';
import type { Database } from './database.ts';
import { type CommentRow, comments } from './schema.ts';

export interface CommentQueries {
  /** Remembers a comment that holds a command; one that was acted on stays so. False where it is known already. */
  add(mergeRequestId: number, noteId: number, now: number): boolean;
  /** Whether a later comment of the merge request was obeyed, or is about to be. */
  obeyedAfter(comment: Pick<CommentRow, 'mergeRequestId' | 'noteId'>): boolean;
  /** Comments of a merge request that are not acknowledged yet, oldest first. */
  open(mergeRequestId: number): CommentRow[];
  /** In the transaction that does what the comment asks for, so that it is done once. Null: what comes of it is not known yet. */
  acted(comment: CommentRow, outcome: CommentOutcome | null): void;
  /** What came of those comments of a merge request that waited for it. */
  settle(mergeRequestId: number, outcome: CommentOutcome): void;
  done(comment: CommentRow): void;
}

export function commentQueries(db: Database): CommentQueries {
  const one = (comment: CommentRow) =>
    and(eq(comments.mergeRequestId, comment.mergeRequestId), eq(comments.noteId, comment.noteId));
  return {
    add(mergeRequestId, noteId, now) {
      const added = db.insert(comments).values({ mergeRequestId, noteId, receivedAt: now }).onConflictDoNothing().run();
      return added.changes > 0;
    },
    obeyedAfter: ({ mergeRequestId, noteId }) =>
      db
        .select({ noteId: comments.noteId })
        .from(comments)
        .where(
          and(
            eq(comments.mergeRequestId, mergeRequestId),
            gt(comments.noteId, noteId),
            ne(comments.state, 'pending'),
            or(isNull(comments.outcome), eq(comments.outcome, 'taken')),
          ),
        )
        .limit(1)
        .get() !== undefined,
    open: (mergeRequestId) =>
      db
        .select()
        .from(comments)
        .where(and(eq(comments.mergeRequestId, mergeRequestId), ne(comments.state, 'done')))
        .orderBy(asc(comments.noteId))
        .all(),
    acted(comment, outcome) {
      db.update(comments).set({ state: 'acted', outcome }).where(one(comment)).run();
    },
    settle(mergeRequestId, outcome) {
      db.update(comments)
        .set({ outcome })
        .where(and(eq(comments.mergeRequestId, mergeRequestId), eq(comments.state, 'acted'), isNull(comments.outcome)))
        .run();
    },
    done(comment) {
      db.update(comments).set({ state: 'done' }).where(one(comment)).run();
    },
  };
}
