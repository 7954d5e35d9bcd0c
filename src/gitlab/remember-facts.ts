import type { ProjectFacts } from '../deployment/gitlab-facts.ts';
import type { GitLab } from './gitlab.ts';

const PROJECT_MS = 60_000;
const MOST_ENTRIES = 1_000;

/**
 * The same GitLab, for the doors of jobs, which is not asked again for what does not change: a commit, and a pipeline's commit and ref (its
 * status is not for them). Projects are remembered for a
 * minute, so that the jobs of a busy project do not each ask for it. Those who ask at the same time share the answer; what failed is asked
 * again.
 *
 * @param options.now ms since the epoch
 * @param options.isAllowed which projects are remembered: one that is refused may be moved to where it is not
 */
export function rememberFacts(
  gitlab: GitLab,
  options: { now(): number; isAllowed(project: ProjectFacts): boolean },
): GitLab {
  const { now } = options;
  const projects = remember(gitlab.project, { now, forMs: PROJECT_MS, keeps: options.isAllowed });
  const pipelines = remember(gitlab.pipeline, { now });
  const commits = remember(gitlab.commit, { now });
  return { ...gitlab, project: projects, pipeline: pipelines, commit: commits };
}

/** The latest answers, by what was asked for; an older one makes room for a new one. */
function remember<Asked extends ReadonlyArray<string | number>, Facts>(
  ask: (...asked: Asked) => Promise<Facts>,
  options: { now(): number; readonly forMs?: number; keeps?(facts: Facts): boolean },
): (...asked: Asked) => Promise<Facts> {
  const { now, forMs = Number.POSITIVE_INFINITY, keeps = () => true } = options;
  const answers = new Map<string, { readonly facts: Promise<Facts>; readonly until: number }>();
  return (...asked) => {
    const key = asked.join(' ');
    const known = answers.get(key);
    if (known && now() < known.until) return known.facts;
    const facts = ask(...asked);
    answers.delete(key);
    answers.set(key, { facts, until: now() + forMs });
    if (answers.size > MOST_ENTRIES) answers.delete(answers.keys().next().value as string);
    const forget = () => {
      if (answers.get(key)?.facts === facts) answers.delete(key);
    };
    facts.then((found) => keeps(found) || forget(), forget);
    return facts;
  };
}
