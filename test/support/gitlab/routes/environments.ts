import { recordDeployment, setDeploymentStatus } from '../acts/deployments.ts';
import { ensureEnvironment, setExternalUrl, stopEnvironment } from '../acts/environments.ts';
import { ApiRefusal } from '../api-refusal.ts';
import { resolveCommit } from '../git/git.ts';
import type { Deployment, Environment } from '../state.ts';
import { paginate } from './paginate.ts';
import { presentDeployment, presentEnvironment } from './present.ts';
import { type Call, created, DEVELOPER, forbidden, notFound, ok, REPORTER, type Route, textOf } from './route.ts';

const list = '/projects/{id}/environments';
const one = `${list}/{environment_id}`;

function environmentOf(call: Call): Environment {
  const found = call.gitlab.environments(call.project).find(({ id }) => String(id) === call.params.environment_id);
  if (!found) throw notFound('Environment');
  return found;
}

export const environmentRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: list,
    level: REPORTER,
    handle: (call) => {
      const name = textOf(call, 'name');
      const search = textOf(call, 'search');
      const states = textOf(call, 'states');
      if (name !== undefined && search !== undefined)
        throw new ApiRefusal(400, { error: 'name, search are mutually exclusive' });
      if (search !== undefined && search.length < 3)
        throw new ApiRefusal(400, { message: '400 Bad request - Search query is less than 3 characters' });
      const found = call.gitlab
        .environments(call.project)
        .filter(
          (environment) =>
            (name === undefined || environment.name === name) &&
            (search === undefined || environment.name.includes(search)) &&
            (states === undefined || environment.state === states),
        );
      return paginate(call, found, { path: `/projects/${call.project.id}/environments`, present: presentEnvironment });
    },
  },
  {
    method: 'POST',
    path: list,
    level: DEVELOPER,
    handle: (call) => {
      const name = textOf(call, 'name') ?? '';
      if (call.gitlab.environment(call.project, name))
        throw new ApiRefusal(400, { message: { name: ['has already been taken'] } });
      const tier = textOf(call, 'tier');
      const externalUrl = textOf(call, 'external_url');
      const options = { name, ...(tier !== undefined && { tier }), ...(externalUrl !== undefined && { externalUrl }) };
      return created(presentEnvironment(ensureEnvironment(call.gitlab, call.project.id, options)));
    },
  },
  {
    method: 'GET',
    path: one,
    level: REPORTER,
    handle: (call) => {
      const environment = environmentOf(call);
      const last = call.gitlab.deployments(environment).findLast(({ status }) => status === 'success');
      return ok({
        ...presentEnvironment(environment),
        last_deployment: last ? presentDeployment(call.gitlab, last) : null,
      });
    },
  },
  {
    method: 'PUT',
    path: one,
    level: DEVELOPER,
    handle: (call) => {
      const environment = environmentOf(call);
      if ('external_url' in call.input) setExternalUrl(call.gitlab, environment, textOf(call, 'external_url') ?? null);
      environment.tier = textOf(call, 'tier') ?? environment.tier;
      return ok(presentEnvironment(environment));
    },
  },
  {
    method: 'POST',
    path: `${one}/stop`,
    level: DEVELOPER,
    handle: async (call) => {
      const environment = environmentOf(call);
      await stopEnvironment(call.gitlab, environment, { user: call.user, force: call.input.force === true });
      return ok(presentEnvironment(environment));
    },
  },
  {
    method: 'DELETE',
    path: one,
    level: DEVELOPER,
    handle: (call) => {
      const environment = environmentOf(call);
      // The policy allows it for stopped ones only (app/policies/environment_policy.rb).
      if (environment.state !== 'stopped') throw forbidden();
      const { state } = call.gitlab;
      state.environments = state.environments.filter((other) => other !== environment);
      state.deployments = state.deployments.filter(({ environmentId }) => environmentId !== environment.id);
      return { status: 204 };
    },
  },
];

const deployments = '/projects/{id}/deployments';

function deploymentOf(call: Call): Deployment {
  const found = call.gitlab.state.deployments.find(
    ({ id, projectId }) => String(id) === call.params.deployment_id && projectId === call.project.id,
  );
  if (!found) throw notFound('Deployment');
  return found;
}

export const deploymentRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: deployments,
    level: REPORTER,
    handle: (call) => {
      const name = textOf(call, 'environment');
      const status = textOf(call, 'status');
      const environments = call.gitlab
        .environments(call.project)
        .filter((environment) => name === undefined || environment.name === name);
      const ids = new Set(environments.map(({ id }) => id));
      const found = call.gitlab.state.deployments
        .filter(
          (deployment) => ids.has(deployment.environmentId) && (status === undefined || deployment.status === status),
        )
        .sort((a, b) => a.id - b.id);
      if (textOf(call, 'sort') === 'desc') found.reverse();
      return paginate(call, found, {
        path: `/projects/${call.project.id}/deployments`,
        present: (deployment) => presentDeployment(call.gitlab, deployment),
      });
    },
  },
  {
    method: 'GET',
    path: `${deployments}/{deployment_id}`,
    level: REPORTER,
    handle: (call) => ok(presentDeployment(call.gitlab, deploymentOf(call))),
  },
  {
    method: 'POST',
    path: deployments,
    level: DEVELOPER,
    handle: async (call) => {
      const { gitlab, project, user } = call;
      const [sha, ref] = [textOf(call, 'sha') ?? '', textOf(call, 'ref') ?? ''];
      const status = (textOf(call, 'status') ?? 'created') as Deployment['status'];
      // app/models/deployment.rb, valid_sha and valid_ref: both must exist in this project, so a fork's branch does not.
      if ((await resolveCommit(project.repository, sha)) === null)
        throw new ApiRefusal(400, { message: { sha: ['The commit does not exist'] } });
      if ((await resolveCommit(project.repository, ref)) === null) {
        throw new ApiRefusal(400, { message: { ref: ['The branch or tag does not exist'] } });
      }
      const environment = ensureEnvironment(gitlab, project.id, { name: textOf(call, 'environment') ?? '' });
      // Deployments::CreateService: equal to the last successful one, nothing is made, and a stopped environment stays stopped.
      const last = gitlab.deployments(environment).findLast((deployment) => deployment.status === 'success');
      if (last && last.ref === ref && last.sha === sha && last.status === status)
        return created(presentDeployment(gitlab, last));
      return created(
        presentDeployment(
          gitlab,
          recordDeployment(gitlab, environment, { ref, sha, status, jobId: null, userId: user.id }),
        ),
      );
    },
  },
  {
    method: 'PUT',
    path: `${deployments}/{deployment_id}`,
    level: DEVELOPER,
    handle: (call) => {
      const deployment = deploymentOf(call);
      if (deployment.jobId !== null) throw forbidden();
      const status = textOf(call, 'status') as Deployment['status'];
      if (deployment.status === status || status === 'created') {
        throw new ApiRefusal(400, {
          message: { status: [`Cannot transition status from "${deployment.status}" to "${status}"`] },
        });
      }
      setDeploymentStatus(call.gitlab, deployment, { status });
      return ok(presentDeployment(call.gitlab, deployment));
    },
  },
];
