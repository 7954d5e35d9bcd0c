import { newsAfterMs, nextInLine } from '../deployment/admission.ts';
import type { Store } from './store.ts';

/** Who waits has moved, or somebody else holds a place: notes and logs tell it after a while, so that a burst is told once. */
export function queueMoved(store: Store, now: number): void {
  const waiting = store.places.waiting();
  const dueAt = now + newsAfterMs(waiting.length);
  for (const { deploymentId } of waiting) {
    store.work.mark(`deployment:${deploymentId}`, 'instance', dueAt);
    const mergeRequestId = store.deployments.get(deploymentId)?.mergeRequestId;
    if (mergeRequestId !== undefined) store.work.mark(`merge-request:${mergeRequestId}`, 'note', dueAt);
  }
}

/** A place may have become free: those whose turn it is are due now. In the transaction that freed it, so that none is lost. */
export function placeFreed(store: Store, request: { readonly limit: number; readonly now: number }): void {
  for (const { deploymentId } of nextInLine(store.places.house(request.limit)))
    store.work.mark(`deployment:${deploymentId}`, 'instance', request.now);
}
