/** What a webhook is worth looking at for. It decides nothing: the truth is read from GitLab afterwards. */
export type Hint =
  /** `projectId` is the target project's: a deployment's key. */
  | { readonly kind: 'merge-request'; readonly projectId: number; readonly iid: number }
  | { readonly kind: 'comment'; readonly projectId: number; readonly iid: number; readonly noteId: number }
  /** Merge requests whose source is this branch; `projectId` is the source project's. */
  | { readonly kind: 'branch'; readonly projectId: number; readonly branch: string }
  | { readonly kind: 'environment'; readonly projectId: number; readonly name: string };

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
