import { ProjectMembers, Projects } from '@gitbeaker/rest';
import * as z from 'zod';
import type { ProjectFacts } from '../deployment/gitlab-facts.ts';
import { nullWhereMissing, readAnswer } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

const project = z
  .object({
    id: z.number(),
    path_with_namespace: z.string(),
    web_url: z.string(),
    // Left out for a user who may not read the repository.
    default_branch: z.string().nullish(),
    merge_requests_access_level: z.enum(['enabled', 'private', 'disabled']).catch('enabled').default('enabled'),
  })
  .transform(
    (wire): ProjectFacts => ({
      id: wire.id,
      path: wire.path_with_namespace,
      webUrl: wire.web_url,
      defaultBranch: wire.default_branch ?? null,
      mergeRequests: wire.merge_requests_access_level,
    }),
  );

const member = z.object({ access_level: z.number(), state: z.string().optional() });

/** Projects and who may do what in them (doc/api/projects.md, doc/api/project_members.md). */
export function createProjects(options: ResourceOptions): Pick<GitLab, 'project' | 'projectByPath' | 'accessLevel'> {
  const projects = new Projects(options);
  const members = new ProjectMembers(options);
  return {
    project: async (projectId) => readAnswer(project, await projects.show(projectId), `project ${projectId}`),

    async projectByPath(path) {
      // Without a slash it is no path: GitLab would read it as an id.
      if (!path.includes('/')) return null;
      const found = await nullWhereMissing(projects.show(path));
      return found === null ? null : readAnswer(project, found, `project ${path}`);
    },

    async accessLevel(projectId, userId) {
      const found = await nullWhereMissing(members.show(projectId, userId, { includeInherited: true }));
      if (found === null) return 0;
      const { access_level, state } = readAnswer(member, found, `member ${userId} of project ${projectId}`);
      // Blocked people and those whose membership waits for approval are listed with their role.
      return state === undefined || state === 'active' ? access_level : 0;
    },
  };
}
