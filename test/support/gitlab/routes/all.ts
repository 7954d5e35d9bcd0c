import { deploymentRoutes, environmentRoutes } from './environments.ts';
import { jobRoutes } from './jobs.ts';
import { mergeRequestRoutes, pipelineRoutes } from './merge-requests.ts';
import { noteRoutes } from './notes.ts';
import { projectRoutes } from './projects.ts';
import { repositoryRoutes } from './repository.ts';
import type { Route } from './route.ts';

/** Everything of `/api/v4` that the stand-in serves. */
export const routes: readonly Route[] = [
  ...projectRoutes,
  ...repositoryRoutes,
  ...mergeRequestRoutes,
  ...pipelineRoutes,
  ...jobRoutes,
  ...noteRoutes,
  ...environmentRoutes,
  ...deploymentRoutes,
];
