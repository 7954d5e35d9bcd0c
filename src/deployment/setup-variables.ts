import type { HandedVariable } from './sealed-variables.ts';

/** A job that has said what it wants and sends no archive for so long sends none. */
const UNSENT_MS = 3_600_000;

/**
 * Variables for setup and prepare alone. They are in this process's memory and nowhere else, from the call of the job that hands them over
 * until its revision is decided: a restart of the service loses them.
 */
export class SetupVariables {
  private readonly ofJobs = new Map<number, { readonly at: number; readonly variables: readonly HandedVariable[] }>();
  private readonly ofRevisions = new Map<number, readonly HandedVariable[]>();

  /** Keeps what a job has handed over, until it is known which revision it is for. @param now ms since the epoch */
  keep(jobId: number, variables: readonly HandedVariable[], now: number): void {
    for (const [id, { at }] of this.ofJobs) if (now - at > UNSENT_MS) this.ofJobs.delete(id);
    if (variables.length > 0) this.ofJobs.set(jobId, { at: now, variables });
  }

  /** Gives a job's variables to its revision; to none where there is nothing left to set up. */
  settle(jobId: number, revisionId: number | undefined): void {
    const found = this.ofJobs.get(jobId);
    this.ofJobs.delete(jobId);
    if (found && revisionId !== undefined) this.ofRevisions.set(revisionId, found.variables);
  }

  /** Empty where there are none, or none any more. */
  of(revisionId: number): readonly HandedVariable[] {
    return this.ofRevisions.get(revisionId) ?? [];
  }

  /** The revision is decided. */
  forget(revisionId: number): void {
    this.ofRevisions.delete(revisionId);
  }
}
