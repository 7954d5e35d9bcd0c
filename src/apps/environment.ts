import { posix } from 'node:path';
import type { CommitFacts } from '../deployment/gitlab-facts.ts';
import { ProblemError } from '../errors.ts';

/** What the values of README "What the app is given" are made of. */
export interface AppFacts {
  /** URL of the preview. */
  readonly url: string;
  /** Name of the deployment. */
  readonly name: string;
  /** Empty where a project has one app only. */
  readonly app: string;
  readonly slug: string;
  /** The revision's commit as GitLab tells it: never what the job says. */
  readonly commit: CommitFacts;
  readonly branch: string;
  readonly projectPath: string;
  readonly projectUrl: string;
  readonly iid: number;
  readonly status: 'OPEN' | 'MERGED' | 'CLOSED';
}

/** Not a version of anything: it keeps hatch-vcs and setuptools-scm, which find no history here, from failing a build. */
const PRETEND_VERSION = '0.0.0';

/**
 * The values that every preset's app is given. Names and meaning of `DAGSTER_CLOUD_*` are Dagster+'s, so that code written for it runs
 * unchanged: the message is the commit's subject, the timestamp is in Unix seconds, the repository is the last part of the project's path.
 */
export function appEnvironment(facts: AppFacts): Record<string, string> {
  return {
    BRANCH_DEPLOYMENT_URL: facts.url,
    BRANCH_DEPLOYMENT_NAME: facts.name,
    BRANCH_DEPLOYMENT_APP: facts.app,
    BRANCH_DEPLOYMENT_SLUG: facts.slug,
    DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT: '1',
    DAGSTER_CLOUD_DEPLOYMENT_NAME: facts.slug,
    DAGSTER_CLOUD_GIT_SHA: facts.commit.sha,
    DAGSTER_CLOUD_GIT_TIMESTAMP: String(facts.commit.timestamp),
    DAGSTER_CLOUD_GIT_AUTHOR_NAME: facts.commit.authorName,
    DAGSTER_CLOUD_GIT_AUTHOR_EMAIL: facts.commit.authorEmail,
    DAGSTER_CLOUD_GIT_MESSAGE: facts.commit.title,
    DAGSTER_CLOUD_GIT_BRANCH: facts.branch,
    DAGSTER_CLOUD_GIT_REPO: posix.basename(facts.projectPath),
    DAGSTER_CLOUD_GIT_URL: facts.projectUrl,
    DAGSTER_CLOUD_PULL_REQUEST_ID: String(facts.iid),
    DAGSTER_CLOUD_PULL_REQUEST_STATUS: facts.status,
    SETUPTOOLS_SCM_PRETEND_VERSION: PRETEND_VERSION,
  };
}

/** Names that `${NAME}` in the app file's `env` may use. `HOST` and `PORT` are those of the endpoint. */
export const KNOWN_NAMES = [
  'HOST',
  'PORT',
  'BRANCH_DEPLOYMENT_URL',
  'BRANCH_DEPLOYMENT_NAME',
  'BRANCH_DEPLOYMENT_APP',
  'BRANCH_DEPLOYMENT_SLUG',
  'BRANCH_DEPLOYMENT_DATA_DIR',
  'DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT',
  'DAGSTER_CLOUD_DEPLOYMENT_NAME',
  'DAGSTER_CLOUD_GIT_SHA',
  'DAGSTER_CLOUD_GIT_TIMESTAMP',
  'DAGSTER_CLOUD_GIT_AUTHOR_NAME',
  'DAGSTER_CLOUD_GIT_AUTHOR_EMAIL',
  'DAGSTER_CLOUD_GIT_MESSAGE',
  'DAGSTER_CLOUD_GIT_BRANCH',
  'DAGSTER_CLOUD_GIT_REPO',
  'DAGSTER_CLOUD_GIT_URL',
  'DAGSTER_CLOUD_PULL_REQUEST_ID',
  'DAGSTER_CLOUD_PULL_REQUEST_STATUS',
] as const;

const REFERENCE = /\$\{([^}]*)\}/g;

/** The first `${NAME}` of a value whose name is not among `known`. */
export function unknownReference(value: string, known: readonly string[] = KNOWN_NAMES): string | undefined {
  for (const [, name] of value.matchAll(REFERENCE)) if (!known.includes(name as string)) return name;
  return undefined;
}

/**
 * Replaces `${NAME}` in each value; what a replacement brings in is not expanded again.
 * @throws ProblemError 422 that names the known ones where a name is unknown
 */
export function expandValues(
  values: Readonly<Record<string, string>>,
  known: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const unknown = unknownReference(value, Object.keys(known));
      if (unknown !== undefined) {
        throw new ProblemError(
          'unknown-reference',
          422,
          `env.${key}: \${${unknown}} is not known. Known are ${Object.keys(known).join(', ')}.`,
        );
      }
      return [key, value.replaceAll(REFERENCE, (_, name: string) => known[name] as string)];
    }),
  );
}
