import type { Told } from '../deployment/told.ts';

/** What a webhook is worth looking at for. It decides nothing: the truth is read from GitLab afterwards. */
export type Hint =
  /** `projectId` is the target project's: a deployment's key. */
  | {
      readonly kind: 'merge-request';
      readonly projectId: number;
      readonly iid: number;
      /** What it is said to be, where all of it is said. */
      readonly told?: Told;
    }
  | { readonly kind: 'comment'; readonly projectId: number; readonly iid: number; readonly noteId: number }
  /** Merge requests whose source is this branch; `projectId` is the source project's, `headSha` the branch's commit after the push. */
  | { readonly kind: 'branch'; readonly projectId: number; readonly branch: string; readonly headSha?: string }
  /** `url` is the link that GitLab has just given an available environment; null where something else happened to it. */
  | { readonly kind: 'environment'; readonly projectId: number; readonly name: string; readonly url: string | null }
  /** A pipeline that ended well: of interest only where its merge request's head is not what was deployed. */
  | { readonly kind: 'pipeline-success'; readonly projectId: number; readonly iid: number };

/** What a payload means to us. The reason is a phrase for the log and for GitLab's list of recent deliveries. */
export type WebhookReading =
  | { readonly accepted: true; readonly hints: readonly Hint[] }
  | { readonly accepted: false; readonly reason: string };

export function accept(hint: Hint): WebhookReading {
  return { accepted: true, hints: [hint] };
}

export function ignore(reason: string): WebhookReading {
  return { accepted: false, reason };
}
