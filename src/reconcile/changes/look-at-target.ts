import type { ComparedChanges, TargetChanges } from '../../deployment/changes.ts';
import { compareSides } from './compare-sides.ts';
import type { ChangesContext, Compared } from './context.ts';
import type { Sides } from './read-sides.ts';

/** Whether it can matter what the target branch has changed: of a merge base it may have gone on, of any other base it is the base itself. */
export function mayMeetTarget({ commit, spec }: Compared['revision'], { changes }: ComparedChanges): boolean {
  const wanted = (spec.preset === 'dagster' ? spec.changes?.compareWith : undefined) ?? 'merge-base';
  return wanted === 'merge-base' && commit.mergedInto === undefined && changes.assets.some(isChanged);
}

/** The assets of a branch's changes that its target branch has changed since as well; null where there are none, or they are not known. */
export async function lookAtTarget(
  context: ChangesContext,
  compared: Compared,
  { found: { changes }, sides }: { readonly found: ComparedChanges; readonly sides: Sides },
): Promise<TargetChanges | null> {
  const { deployment, base } = compared;
  const target = context.store.mergeRequests.get(deployment.mergeRequestId)?.targetBranch ?? '';
  const head = await context.gitlab.branchHead(deployment.projectId, target);
  if (!head || head.sha === base.sha) return null;
  const { spec } = compared.revision;
  const ignoreMetadata = spec.preset === 'dagster' ? spec.changes?.ignoreMetadata : undefined;
  const both = { base: await sides.commit(base.sha), branch: await sides.commit(head.sha) };
  // Names of locations are those of the target branch on both sides.
  const theirs = compareSides(both, ignoreMetadata ? { ignoreMetadata } : {});
  const changed = new Set(theirs.changes.assets.filter(isChanged).map(({ key }) => key));
  const keys = new Set(changes.assets.filter((one) => isChanged(one) && changed.has(one.key)).map(({ key }) => key));
  return keys.size === 0 ? null : { sha: head.sha, url: head.webUrl, keys: [...keys].sort() };
}

const isChanged = ({ reasons }: ComparedChanges['changes']['assets'][number]): boolean => reasons.length > 0;
