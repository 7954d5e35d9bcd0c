import type { StandInGitLab } from '../stand-in.ts';
import type { MergeRequest, Pipeline, Project, User } from '../state.ts';
import type { Configuration } from './definition.ts';
import { expandConfiguration } from './expand-configuration.ts';
import { pipelineVariables } from './variables.ts';

export interface PipelineSource {
  readonly project: Project;
  readonly sha: string;
  readonly ref: string;
  readonly source: string;
  readonly user: User;
  readonly mergeRequest?: MergeRequest;
  readonly componentRoot: string;
}

/** Expands a commit's configuration and records its pipeline, still without jobs; null where no job is for it. */
export async function makePipeline(
  gitlab: StandInGitLab,
  source: PipelineSource,
): Promise<{ pipeline: Pipeline; variables: Record<string, string>; configuration: Configuration } | null> {
  const { project, mergeRequest } = source;
  // Rules see everything but the pipeline's id and time, which there are none of yet.
  const draft = { ...source, id: 0, iid: 0, createdAt: '' };
  const seen = await pipelineVariables(gitlab, project, draft, mergeRequest);
  const scoped = project.variables.filter(({ environmentScope }) => environmentScope === '*');
  const configuration = await expandConfiguration(
    {
      repository: project.repository,
      sha: source.sha,
      projectUrl: `${gitlab.url}/${project.path}`,
      componentRoot: source.componentRoot,
    },
    { ...seen, ...Object.fromEntries(scoped.map(({ key, value }) => [key, value])) },
  );
  if (configuration === null || configuration.jobs.length === 0) return null;
  const pipeline = gitlab.createPipeline({
    project,
    sha: source.sha,
    ref: source.ref,
    source: source.source,
    user: source.user,
    mergeRequest,
  });
  return { pipeline, variables: await pipelineVariables(gitlab, project, pipeline, mergeRequest), configuration };
}
