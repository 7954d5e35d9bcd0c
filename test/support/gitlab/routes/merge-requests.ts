import { mergeRequestPipelines, setPipelineStatus } from '../acts/pipelines.ts';
import { ApiRefusal } from '../api-refusal.ts';
import { paginate } from './paginate.ts';
import { presentMergeRequest, presentPipeline, presentPipelineDetails, presentStateEvent } from './present.ts';
import { created, DEVELOPER, forbidden, mergeRequestOfCall, ok, REPORTER, type Route, textOf } from './route.ts';

const one = '/projects/{id}/merge_requests/{merge_request_iid}';

export const mergeRequestRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/projects/{id}/merge_requests',
    level: REPORTER,
    handle: (call) => {
      const state = textOf(call, 'state') ?? 'all';
      const branch = textOf(call, 'source_branch');
      const { iids } = call.input;
      const wanted = Array.isArray(iids) ? new Set(iids.map(Number)) : undefined;
      const found = call.gitlab.state.mergeRequests.filter(
        (mergeRequest) =>
          mergeRequest.projectId === call.project.id &&
          (state === 'all' || mergeRequest.state === state) &&
          (wanted === undefined || wanted.has(mergeRequest.iid)) &&
          (branch === undefined || mergeRequest.sourceBranch === branch),
      );
      return paginate(call, found.reverse(), {
        path: `/projects/${call.project.id}/merge_requests`,
        present: (mergeRequest) => presentMergeRequest(call.gitlab, mergeRequest),
      });
    },
  },
  {
    method: 'GET',
    path: one,
    level: REPORTER,
    handle: (call) => ok(presentMergeRequest(call.gitlab, mergeRequestOfCall(call))),
  },
  {
    method: 'GET',
    path: `${one}/resource_state_events`,
    level: REPORTER,
    handle: (call) => {
      const mergeRequest = mergeRequestOfCall(call);
      return paginate(call, mergeRequest.stateEvents, {
        path: `/projects/${call.project.id}/merge_requests/${mergeRequest.iid}/resource_state_events`,
        present: (event) => presentStateEvent(call.gitlab, mergeRequest, event),
      });
    },
  },
  {
    method: 'GET',
    path: `${one}/pipelines`,
    level: REPORTER,
    handle: (call) => {
      const mergeRequest = mergeRequestOfCall(call);
      // Pipelines that run in a fork are listed only to who may read them there (app/finders/ci/pipelines_for_merge_request_finder.rb).
      const readable = mergeRequestPipelines(call.gitlab, mergeRequest).filter(({ projectId }) => {
        const project = call.gitlab.project(projectId);
        return (
          projectId === call.project.id ||
          project.visibility === 'public' ||
          call.gitlab.accessLevel(project, call.user.id) >= REPORTER
        );
      });
      return paginate(call, readable, {
        path: `/projects/${call.project.id}/merge_requests/${mergeRequest.iid}/pipelines`,
        present: (pipeline) => presentPipeline(call.gitlab, pipeline),
      });
    },
  },
  {
    method: 'POST',
    path: `${one}/pipelines`,
    level: REPORTER,
    handle: async (call) => {
      const mergeRequest = mergeRequestOfCall(call);
      const source = mergeRequest.sourceProjectId ?? call.project.id;
      if (
        call.gitlab.accessLevel(source, call.user.id) < DEVELOPER &&
        call.gitlab.accessLevel(call.project, call.user.id) < DEVELOPER
      )
        throw forbidden();
      if (mergeRequest.state !== 'opened') throw new ApiRefusal(405, { message: '405 Method Not Allowed' });
      const pipeline = await call.gitlab.runMergeRequestPipeline(mergeRequest, call.user);
      if (call.input.async === true) return { status: 202, body: {} };
      if (!pipeline)
        throw new ApiRefusal(400, {
          message: 'The rules configuration prevented any jobs from being added to the pipeline.',
        });
      return created(presentPipelineDetails(call.gitlab, pipeline));
    },
  },
];

const pipelineOf = (call: Parameters<Route['handle']>[0]) => {
  const found = call.gitlab.state.pipelines.find(
    ({ id, projectId }) => String(id) === call.params.pipeline_id && projectId === call.project.id,
  );
  if (!found) throw new ApiRefusal(404, { message: '404 Pipeline Not Found' });
  return found;
};

const pipeline = '/projects/{id}/pipelines/{pipeline_id}';

export const pipelineRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: pipeline,
    level: REPORTER,
    handle: (call) => ok(presentPipelineDetails(call.gitlab, pipelineOf(call))),
  },
  {
    method: 'POST',
    path: `${pipeline}/cancel`,
    level: DEVELOPER,
    handle: async (call) => {
      const found = pipelineOf(call);
      const { onCancelJob } = call.gitlab;
      for (const job of found.jobs) {
        if (['created', 'pending', 'running'].includes(job.status)) await onCancelJob?.(job, call.user);
      }
      if (!onCancelJob) setPipelineStatus(call.gitlab, found, 'canceled');
      return ok(presentPipelineDetails(call.gitlab, found));
    },
  },
];
