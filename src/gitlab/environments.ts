import { Deployments, Environments } from '@gitbeaker/rest';
import * as z from 'zod';
import type { EnvironmentFacts } from '../deployment/gitlab-facts.ts';
import { nullWhereMissing, readAnswer, readList } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

const environment = z
  .object({
    id: z.number(),
    name: z.string(),
    state: z.enum(['available', 'stopping', 'stopped']),
    external_url: z.string().nullish(),
  })
  .transform(
    (wire): EnvironmentFacts => ({
      id: wire.id,
      name: wire.name,
      state: wire.state,
      externalUrl: wire.external_url ?? null,
    }),
  );

/** GitLab refuses to search for less (doc/api/environments.md). */
const SEARCH_LENGTH = 3;

const lastDeployment = z.object({
  last_deployment: z.object({ sha: z.string(), status: z.string() }).nullish(),
});

const withId = z.object({ id: z.number() });

/** Environments (doc/api/environments.md) and the deployments that make them available (doc/api/deployments.md). */
export function createEnvironments(
  options: ResourceOptions,
): Pick<
  GitLab,
  | 'environment'
  | 'availableEnvironments'
  | 'deployedCommit'
  | 'setEnvironmentUrl'
  | 'stopEnvironment'
  | 'createDeployment'
> {
  const environments = new Environments(options);
  const deployments = new Deployments(options);
  const named: GitLab['environment'] = async (projectId, name) => {
    const found = environments.all(projectId, { name, perPage: 100 });
    const facts = await readList(environment, found, `environment ${name}`);
    return facts.find((one) => one.name === name) ?? null;
  };
  return {
    environment: named,

    async availableEnvironments(projectId, nameBegin) {
      const search = nameBegin !== undefined && nameBegin.length >= SEARCH_LENGTH ? { search: nameBegin } : {};
      const found = environments.all(projectId, { ...search, states: 'available', perPage: 100 });
      return readList(environment, found, `the environments of project ${projectId}`);
    },

    async deployedCommit(projectId, name) {
      const found = await named(projectId, name);
      if (found === null) return null;
      const shown = await nullWhereMissing(environments.show(projectId, found.id));
      const last = shown && readAnswer(lastDeployment, shown, `environment ${name}`).last_deployment;
      return last?.status === 'success' ? last.sha : null;
    },

    async setEnvironmentUrl(projectId, environmentId, url) {
      await environments.edit(projectId, environmentId, { externalUrl: url });
    },

    async stopEnvironment(projectId, environmentId) {
      // gitbeaker types it as a string; GitLab documents a boolean.
      await environments.stop(projectId, environmentId, { force: true as unknown as string });
    },

    async createDeployment(projectId, { environment: name, sha, ref }) {
      // GitLab takes a POST that equals the last successful deployment for that one, and does nothing (app/services/deployments/create_service.rb):
      // one that is still running never equals it.
      const created = await deployments.create(projectId, name, sha, ref, false, { status: 'running' });
      await deployments.edit(projectId, readAnswer(withId, created, `deployment of ${name}`).id, 'success');
    },
  };
}
