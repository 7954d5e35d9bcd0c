import type { ComparedChanges, MissingFiles, TargetChanges } from '../../deployment/changes.ts';
import type { CommitFacts } from '../../deployment/gitlab-facts.ts';
import { plainLines } from '../../deployment/plain-text.ts';
import { SealError } from '../../deployment/sealed-variables.ts';
import { GitLabError, messageOf, ProblemError } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import type { RevisionChangesRow } from '../../store/schema.ts';
import { missingFilesText } from '../../views/change-words.ts';
import { again, DONE, ofDeployment, ofMergeRequest, type Reconciler, type Result } from '../reconciler.ts';
import { compareSides } from './compare-sides.ts';
import { type ChangesContext, type Subject, UnknownChanges } from './context.ts';
import { findBase } from './find-base.ts';
import { hidePaths } from './hide-paths.ts';
import { lookAtTarget, mayMeetTarget } from './look-at-target.ts';
import { createSides, isLate, type Sides } from './read-sides.ts';

/** One that waits is looked at when another one has ended; this is for the case that nobody tells it. */
const WAIT_MS = 10_000;
/** After so many tries something else than GitLab is broken for good, and people are told. */
const MOST_TRIES = 5;
const LONGEST_REASON = 1_000;

/**
 * Tells what a revision that has become healthy changes of its base, once. One deployment at a time: reading definitions takes a processor,
 * and nobody waits for it. Whatever goes wrong is the reason why it is not known, and nothing else.
 */
export function changesReconciler(context: ChangesContext): Reconciler {
  const { store, log, logs, now } = context;
  let busy = false;
  const waiting = new Set<number>();
  return {
    kind: 'changes',
    async reconcile(id) {
      waiting.delete(id);
      if (!subjectOf(id)) return DONE;
      if (busy) {
        waiting.add(id);
        return again(WAIT_MS);
      }
      busy = true;
      try {
        return await decide(id);
      } finally {
        busy = false;
        const [next] = waiting;
        if (next !== undefined) store.work.mark(ofDeployment(next), 'changes', now());
      }
    },
  };

  /** The live revision of a deployment, where it can be compared and something of that is left to do. */
  function subjectOf(id: number): Subject | undefined {
    const deployment = store.deployments.get(id);
    if (deployment?.wanted !== 'running' || deployment.liveRevisionId === null) return undefined;
    const revision = store.revisions.get(deployment.liveRevisionId);
    if (revision?.state !== 'healthy' || !context.presetFor(revision.spec).definitions) return undefined;
    const row = store.changes.of(revision.id);
    const isDone = row !== undefined && (row.compared === null || row.compared.target !== undefined);
    return isDone ? undefined : { deployment, revision };
  }

  async function decide(id: number): Promise<Result> {
    const subject = subjectOf(id);
    if (!subject) return DONE;
    const row = store.changes.of(subject.revision.id);
    if (row?.compared) return meetTarget(subject, row, row.compared);
    let base: CommitFacts | null = null;
    let sides: Sides | undefined;
    let missingFiles: MissingFiles | null;
    let next = DONE;
    try {
      base = await findBase(context, subject);
      sides = createSides(context, { ...subject, base });
      const { spec } = subject.revision;
      const both = { branch: await sides.branch(), base: await sides.commit(base.sha) };
      missingFiles = sides.missingFiles();
      const found = compareSides(both, spec.preset === 'dagster' ? spec.changes : undefined);
      // All of it would be read anew for that, to take as long again.
      const isDone = !mayMeetTarget(subject.revision, found) || isLate(both.branch) || isLate(both.base);
      record(subject, base, { found: isDone ? { ...found, target: null } : found, missingFiles });
      // In a pass of its own: what the branch changes is told first.
      if (!isDone) next = again(0);
    } catch (error) {
      // A newer revision is live by now: it is the one that counts.
      if (subjectOf(id)?.revision.id !== subject.revision.id) return again(0);
      const reason = reasonOf(error, store.work.find(ofDeployment(id), 'changes')?.attempts ?? 0);
      if (reason === undefined) throw error;
      missingFiles = (await sides?.filesOfUnread()) ?? null;
      record(subject, base, { found: reason, missingFiles });
    }
    sayMissing(subject, missingFiles);
    return next;
  }

  function sayMissing({ revision }: Subject, files: MissingFiles | null): void {
    if (files) logs.say(revision.id, `warning: ${plainLines(missingFilesText(files)).join(' ')}`);
  }

  async function meetTarget(subject: Subject, row: RevisionChangesRow, found: ComparedChanges): Promise<Result> {
    const { deployment, revision } = subject;
    let target: TargetChanges | null = null;
    let sides: Sides | undefined;
    try {
      const compared = { ...subject, base: await context.gitlab.commit(deployment.projectId, row.baseSha as string) };
      sides = createSides(context, compared);
      target = await lookAtTarget(context, compared, { found, sides });
    } catch (error) {
      if (subjectOf(deployment.id)?.revision.id !== revision.id) return again(0);
      const reason = reasonOf(error, store.work.find(ofDeployment(deployment.id), 'changes')?.attempts ?? 0);
      if (reason === undefined) throw error;
      log.info({ ...deploymentFields(deployment, revision), reason }, 'it is not known what its target branch changes');
    }
    // What could not be kept in the first pass is tried again where the base is read again.
    const missingFiles = sides ? sides.missingFiles() : row.missingFiles;
    const isNews = JSON.stringify(missingFiles) !== JSON.stringify(row.missingFiles);
    if (isNews) sayMissing(subject, missingFiles);
    store.transaction(() => {
      store.changes.update(revision.id, { compared: { ...found, target }, missingFiles });
      if (target || isNews) store.work.mark(ofMergeRequest(deployment.mergeRequestId), 'note', now());
    });
    return DONE;
  }

  function record(
    subject: Subject,
    base: CommitFacts | null,
    { found, missingFiles }: { readonly found: ComparedChanges | string; readonly missingFiles: MissingFiles | null },
  ): void {
    const { deployment, revision } = subject;
    const unknown = typeof found === 'string' ? hidePaths(found, [context.dataDir]).slice(0, LONGEST_REASON) : null;
    store.transaction(() => {
      store.changes.decide({
        revisionId: revision.id,
        baseSha: base?.sha ?? null,
        baseUrl: base?.webUrl ?? null,
        unknown,
        compared: typeof found === 'string' ? null : found,
        missingFiles,
        decidedAt: now(),
      });
      store.work.mark(ofMergeRequest(deployment.mergeRequestId), 'note', now());
    });
    const fields = { decision: 'changes', ...deploymentFields(deployment, revision), base: base?.sha };
    if (unknown !== null) log.info({ ...fields, unknown }, 'it is not known what it changes');
    else log.info(fields, 'what it changes is known');
  }
}

/** Why it is not known, for good; undefined where the next try may tell. */
function reasonOf(error: unknown, tries: number): string | undefined {
  // The service's own trouble (a full disk) may be over with the next try.
  if (error instanceof ProblemError && error.status >= 500 && tries + 1 < MOST_TRIES) return undefined;
  if (error instanceof UnknownChanges || error instanceof ProblemError || error instanceof SealError)
    return error.message;
  if (error instanceof GitLabError)
    return error.failure === 'not-found' || error.failure === 'forbidden' || error.failure === 'invalid'
      ? error.message
      : undefined;
  return tries + 1 >= MOST_TRIES ? `It could not be compared: ${messageOf(error)}` : undefined;
}
