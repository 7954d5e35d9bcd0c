import { remarkOnHead } from './head-remark.ts';
import { DONE, ofMergeRequest, type Reconciler } from './reconciler.ts';

/**
 * Looks some time after a push why its commit was not deployed. Where it was, as nearly always, nothing is asked of GitLab: so this is no
 * second look at the merge request.
 */
export function headReconciler(context: Parameters<typeof remarkOnHead>[0]): Reconciler {
  const { store, now } = context;
  return {
    kind: 'head',
    async reconcile(id) {
      const row = store.mergeRequests.get(id);
      if (!row || (row.state !== 'opened' && row.state !== 'locked')) return DONE;
      const result = await remarkOnHead(context, row, row);
      if (row.headRemark?.kind !== store.mergeRequests.get(id)?.headRemark?.kind)
        store.work.mark(ofMergeRequest(id), 'note', now());
      return result;
    },
  };
}
