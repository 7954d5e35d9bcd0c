import { IssueStateEvents, MergeRequests } from '@gitbeaker/rest';
import * as z from 'zod';
import type { ListedMergeRequest, MergeRequestFacts, StateChange } from '../deployment/gitlab-facts.ts';
import { nullWhereMissing, person, readAnswer, readList } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

const mergeRequest = z
  .object({
    iid: z.number(),
    project_id: z.number(),
    state: z.enum(['opened', 'closed', 'merged', 'locked']),
    title: z.string(),
    draft: z.boolean().default(false),
    web_url: z.string(),
    references: z.object({ full: z.string() }),
    // Null where the fork is gone.
    source_project_id: z.number().nullish(),
    source_branch: z.string(),
    target_branch: z.string(),
    // Null until the first commit is there.
    sha: z.string().nullish(),
    author: person,
  })
  .transform(
    (wire): MergeRequestFacts => ({
      projectId: wire.project_id,
      iid: wire.iid,
      state: wire.state,
      title: wire.title,
      draft: wire.draft,
      webUrl: wire.web_url,
      projectPath: wire.references.full.replace(/!\d+$/, ''),
      projectUrl: wire.web_url.replace(/(\/-)?\/merge_requests\/\d+$/, ''),
      sourceProjectId: wire.source_project_id ?? null,
      sourceBranch: wire.source_branch,
      targetBranch: wire.target_branch,
      headSha: wire.sha ?? '',
      author: wire.author,
    }),
  );

const listed: z.ZodType<ListedMergeRequest> = mergeRequest.and(
  z
    .object({ updated_at: z.string(), user_notes_count: z.number() })
    .transform((wire) => ({ updatedAt: wire.updated_at, notesCount: wire.user_notes_count })),
);

const stateEvent = z.object({ id: z.number(), state: z.string(), created_at: z.string() });

/** GitLab's longest page; the addresses of so many iids stay well below what proxies take. */
const PAGE = 100;

/** gitbeaker has this class, and does not export it. */
class MergeRequestStateEvents extends IssueStateEvents {
  protected override resource2Type = 'merge_requests';
}

/** Merge requests (doc/api/merge_requests.md), and what became of their state (doc/api/resource_state_events.md). */
export function createMergeRequests(
  options: ResourceOptions,
): Pick<GitLab, 'mergeRequest' | 'mergeRequestsOf' | 'stateChanges'> {
  const mergeRequests = new MergeRequests(options);
  const stateEvents = new MergeRequestStateEvents(options);
  return {
    async mergeRequest(projectId, iid) {
      const found = await nullWhereMissing(mergeRequests.show(projectId, iid));
      return found === null ? null : readAnswer(mergeRequest, found, `merge request !${iid} of project ${projectId}`);
    },

    async mergeRequestsOf(projectId, iids) {
      const found: ListedMergeRequest[] = [];
      for (let from = 0; from < iids.length; from += PAGE) {
        const asked = { projectId, iids: iids.slice(from, from + PAGE), scope: 'all', perPage: PAGE } as const;
        found.push(...(await readList(listed, mergeRequests.all(asked), `merge requests of project ${projectId}`)));
      }
      return found;
    },

    async stateChanges(projectId, iid) {
      const found = stateEvents.all(projectId, iid, { perPage: PAGE });
      const events = await readList(stateEvent, found, `the state events of merge request !${iid}`);
      return events
        .toSorted((one, other) => one.id - other.id)
        .map(
          ({ state, created_at }): StateChange => ({
            ended: state === 'closed' || state === 'merged',
            at: Date.parse(created_at),
          }),
        );
    },
  };
}
