import { Jobs, MergeRequests, Pipelines } from '@gitbeaker/rest';
import * as z from 'zod';
import type { PipelineFacts } from '../deployment/gitlab-facts.ts';
import { person, readAnswer, readList } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

const pipeline = z
  .object({
    id: z.number(),
    project_id: z.number(),
    sha: z.string(),
    ref: z.string(),
    source: z.string().nullish(),
    status: z.string(),
    web_url: z.string().nullish(),
    // Lists leave it out.
    user: person.nullish(),
    created_at: z.string(),
  })
  .transform(
    (wire): PipelineFacts => ({
      id: wire.id,
      projectId: wire.project_id,
      sha: wire.sha,
      ref: wire.ref,
      source: wire.source ?? 'unknown',
      status: wire.status,
      webUrl: wire.web_url ?? null,
      user: wire.user ?? null,
      createdAt: wire.created_at,
    }),
  );

const jobOfList = z.object({ id: z.number(), name: z.string(), status: z.string() });
const job = z.object({ started_at: z.string().nullish(), queued_duration: z.number().nullish() });

/** Pipelines (doc/api/pipelines.md) and those of a merge request (doc/api/merge_requests.md). */
export function createPipelines(
  options: ResourceOptions,
): Pick<
  GitLab,
  'pipeline' | 'mergeRequestPipelines' | 'createMergeRequestPipeline' | 'pipelineJobs' | 'retryJob' | 'jobQueuedAt'
> {
  const pipelines = new Pipelines(options);
  const mergeRequests = new MergeRequests(options);
  const jobs = new Jobs(options);
  return {
    pipeline: async (projectId, pipelineId) =>
      readAnswer(pipeline, await pipelines.show(projectId, pipelineId), `pipeline ${pipelineId}`),

    async jobQueuedAt(projectId, jobId) {
      const { started_at: startedAt, queued_duration: seconds } = readAnswer(
        job,
        await jobs.show(projectId, jobId),
        `job ${jobId}`,
      );
      return startedAt ? Date.parse(startedAt) - (seconds ?? 0) * 1000 : null;
    },

    async mergeRequestPipelines(projectId, iid) {
      // The route pages like any other; gitbeaker's types do not know.
      const pages = { perPage: 100 } as object;
      const found = mergeRequests.allPipelines(projectId, iid, pages);
      const facts = await readList(pipeline, found, `the pipelines of merge request !${iid}`);
      return facts.toSorted((one, other) => other.id - one.id);
    },

    async createMergeRequestPipeline(projectId, iid) {
      await mergeRequests.createPipeline(projectId, iid);
    },

    async pipelineJobs(projectId, pipelineId) {
      const found = jobs.all(projectId, { pipelineId, includeRetried: true, perPage: 100 });
      return readList(jobOfList, found, `the jobs of pipeline ${pipelineId}`);
    },

    async retryJob(projectId, jobId) {
      await jobs.retry(projectId, jobId);
    },
  };
}
