import { ApiRefusal } from '../api-refusal.ts';
import type { Job, JobStatus, User } from '../state.ts';
import { paginate } from './paginate.ts';
import { presentJob } from './present.ts';
import { type Answer, type Call, created, DEVELOPER, notFound, ok, REPORTER, type Route } from './route.ts';

const one = '/projects/{id}/jobs/{job_id}';

function jobOf(call: Call): Job {
  for (const pipeline of call.gitlab.state.pipelines) {
    const job = pipeline.jobs.find(({ id }) => String(id) === call.params.job_id);
    if (job && pipeline.projectId === call.project.id) return job;
  }
  throw new ApiRefusal(404, { message: '404 Not found' });
}

async function act(
  call: Call,
  options: {
    readonly runner: ((job: Job, user: User) => Promise<Job>) | null;
    readonly from: readonly JobStatus[];
    readonly refusal: ApiRefusal;
  },
): Promise<Job> {
  const job = jobOf(call);
  if (!options.from.includes(job.status)) throw options.refusal;
  if (!options.runner) throw new Error('No pipeline runner is registered.');
  return options.runner(job, call.user);
}

export const jobRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/projects/{id}/pipelines/{pipeline_id}/jobs',
    level: REPORTER,
    handle: (call): Answer => {
      const pipeline = call.gitlab.state.pipelines.find(
        ({ id, projectId }) => String(id) === call.params.pipeline_id && projectId === call.project.id,
      );
      if (!pipeline) throw notFound('Pipeline');
      // A retried job is hidden behind its successor unless it is asked for.
      const shown = pipeline.jobs.filter(
        (job, index) =>
          call.input.include_retried === true || !pipeline.jobs.slice(index + 1).some(({ name }) => name === job.name),
      );
      return paginate(call, [...shown].reverse(), {
        path: `/projects/${call.project.id}/pipelines/${pipeline.id}/jobs`,
        present: (job) => presentJob(call.gitlab, job),
      });
    },
  },
  { method: 'GET', path: one, level: REPORTER, handle: (call) => ok(presentJob(call.gitlab, jobOf(call))) },
  {
    method: 'GET',
    path: `${one}/trace`,
    level: REPORTER,
    handle: (call) => ({
      status: 200,
      body: jobOf(call).trace,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    }),
  },
  {
    method: 'POST',
    path: `${one}/play`,
    level: DEVELOPER,
    handle: async (call) =>
      ok(
        presentJob(
          call.gitlab,
          await act(call, {
            runner: call.gitlab.onPlayJob,
            from: ['manual'],
            refusal: new ApiRefusal(400, { message: '400 Bad request - Unplayable Job' }),
          }),
        ),
      ),
  },
  {
    method: 'POST',
    path: `${one}/retry`,
    level: DEVELOPER,
    handle: async (call) =>
      created(
        presentJob(
          call.gitlab,
          await act(call, {
            runner: call.gitlab.onRetryJob,
            from: ['success', 'failed', 'canceled'],
            refusal: new ApiRefusal(403, { message: '403 Forbidden - Job is not retryable' }),
          }),
        ),
      ),
  },
  {
    method: 'POST',
    path: `${one}/cancel`,
    level: DEVELOPER,
    handle: async (call) =>
      created(
        presentJob(
          call.gitlab,
          await act(call, {
            runner: call.gitlab.onCancelJob,
            from: ['created', 'pending', 'running', 'manual'],
            refusal: new ApiRefusal(403, { message: '403 Forbidden - Job is not cancelable' }),
          }),
        ),
      ),
  },
];
