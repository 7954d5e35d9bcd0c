import type { QueuePlace } from '../../deployment/admission.ts';
import type { MergeRequestState } from '../../deployment/gitlab-facts.ts';
import type { PartHealth } from '../../deployment/launch.ts';
import type { Phase, StopReason } from '../../deployment/phase.ts';
import type { NoteChanges } from './changes.ts';

/** Everything that the note tells. Plain facts: whatever changes here changes the text, so nothing in it depends on the time of rendering. */
export interface NoteModel {
  readonly mergeRequest: {
    readonly state: MergeRequestState;
    /** Head of a fork's merge request that nobody has approved yet; null where none has to. */
    readonly toApprove: string | null;
  };
  /** In the order of the rows. */
  readonly apps: readonly NoteApp[];
}

export interface NoteApp {
  /** For people: the app's name, or the project's where it has one app only. */
  readonly label: string;
  readonly phase: Phase;
  readonly url: string;
  /** The newest revision; null before the first. */
  readonly latest: NoteRevision | null;
  /** Full sha that the preview answers with now; null where nothing answers. Differs from the latest while that is on its way or failed. */
  readonly servingSha: string | null;
  /** Why the latest revision failed. */
  readonly error: NoteError | null;
  /** State of each code location of the latest revision; empty where the app has no parts. */
  readonly parts: readonly PartHealth[];
  /** What the latest revision changes; null while that is not known, or where the app has nothing to compare. */
  readonly changes: NoteChanges | null;
  /** Why it is stopped or stopping. */
  readonly stopReason: StopReason | null;
  /** Whether the latest revision is a fork's that nobody has approved. */
  readonly held: boolean;
  /** Its place among those that wait for another instance to go; null where it does not wait. */
  readonly queue: QueuePlace | null;
  /** The newest commit and why it is not deployed, where it is not and will not be by itself; else null. */
  readonly head: {
    readonly sha: string;
    readonly kind: 'skipped' | 'failed' | 'canceled';
    readonly pipelineUrl: string | null;
  } | null;
  /** What keeps it from being removed, and in how many tries at least; null where nothing does. */
  readonly stopTrouble: { readonly tries: number; readonly error: string } | null;
}

export interface NoteRevision {
  readonly sha: string;
  /** First line of the commit's message. */
  readonly title: string;
  readonly commitUrl: string;
  /** Display name of who pushed. */
  readonly pushedBy: string;
  /** When it came to its state, ISO 8601. */
  readonly at: string;
  /** From the push's arrival to healthy or failed; null before that. */
  readonly tookMs: number | null;
}

export interface NoteError {
  /** A sentence; more lines (a stack) are shown in the fold. */
  readonly message: string;
  /** What was printed last, oldest first. */
  readonly logLines: readonly string[];
}
