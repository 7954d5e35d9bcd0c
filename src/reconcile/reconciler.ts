import type { WorkRow } from '../store/schema.ts';
import type { Subject, WorkKind } from '../store/work.ts';

/**
 * What a reconciler's pass comes to: nothing left to do, or look again after some time.
 * `settled`: all is as it is wanted, and the next look is for what may have changed by itself, as an instance that crashed.
 */
export type Result = { readonly done: true } | { readonly againAfterMs: number; readonly settled?: boolean };

export const DONE: Result = { done: true };
export const again = (ms: number): Result => ({ againAfterMs: ms });
export const lookAgain = (ms: number): Result => ({ againAfterMs: ms, settled: true });

/**
 * Reads everything afresh, compares what is wanted with what is observed, does the smallest step, and is safe to repeat.
 * It gets only the subject's id: what made the work due does not matter.
 */
export interface Reconciler {
  readonly kind: WorkKind;
  reconcile(id: number): Promise<Result>;
}

/** The id in a work row's subject. */
export function subjectId(row: Pick<WorkRow, 'subject'>): number {
  return Number(row.subject.slice(row.subject.indexOf(':') + 1));
}

export const ofMergeRequest = (id: number): Subject => `merge-request:${id}`;
export const ofDeployment = (id: number): Subject => `deployment:${id}`;
export const ofProject = (id: number): Subject => `project:${id}`;
