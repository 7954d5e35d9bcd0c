import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { checkOut } from './checkout.ts';
import { type Configuration, type ListedJob, readJob } from './definition.ts';
import { expandVariables } from './variables.ts';

const run = promisify(execFile);
const gitlabCiLocal = createRequire(import.meta.url).resolve('gitlab-ci-local');
const expansions = new Map<string, Promise<Configuration | null>>();

export interface ExpansionSource {
  /** Bare repository. */
  repository: string;
  sha: string;
  /** Where the project is on GitLab; component references are resolved against its host. */
  projectUrl: string;
  /** Folder whose `templates/` are what every versioned `include: component` of that name means. */
  componentRoot: string;
}

/**
 * The jobs of a pipeline, with configuration, includes and inputs expanded and rules evaluated by gitlab-ci-local; null where the commit
 * has no `.gitlab-ci.yml`. Throws with its message where the configuration is invalid (it checks GitLab's own JSON schema too).
 *
 * Expansions are remembered by the text of configuration and templates and by the variables that they name, but not where the
 * configuration reads other files of the repository.
 */
export async function expandConfiguration(
  source: ExpansionSource,
  variables: Readonly<Record<string, string>>,
): Promise<Configuration | null> {
  const text = await run('git', ['-C', source.repository, 'show', `${source.sha}:.gitlab-ci.yml`])
    .then(({ stdout }) => stdout)
    .catch(() => null);
  if (text === null) return null;
  const templates = await readTemplates(source.componentRoot);
  const named = namesOf([text, ...templates.values()].join('\n'));
  const given = Object.entries(variables).filter(([name]) => named.has(name));
  const readsFiles = /\b(local|changes|exists|project|remote|file):/.test(text) || text.includes('CI_COMMIT_SHA');
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        text,
        [...templates],
        given.sort(),
        source.projectUrl,
        readsFiles && [source.sha, source.repository],
      ]),
    )
    .digest('hex');
  const known = expansions.get(key) ?? expand(source, text, Object.fromEntries(given), variables);
  expansions.set(key, known);
  known.catch(() => expansions.delete(key));
  return known;
}

async function expand(
  source: ExpansionSource,
  text: string,
  given: Record<string, string>,
  all: Readonly<Record<string, string>>,
): Promise<Configuration> {
  const home = await mkdtemp(join(tmpdir(), 'expand-'));
  try {
    const folder = join(home, 'project');
    await checkOut(source.repository, source.sha, folder, { origin: `${source.projectUrl}.git` });
    await placeComponents(source, text, folder, all);
    const { stdout } = await run(
      process.execPath,
      [
        gitlabCiLocal,
        '--list-json',
        ...['--ignore-predefined-vars', Object.keys(given).join(',')],
        ...Object.entries(given).flatMap(([name, value]) => ['--variable', `${name}=${value}`]),
        ...('CI_COMMIT_BRANCH' in all ? [] : ['--unset-variable', 'CI_COMMIT_BRANCH']),
      ],
      // A home of its own: the person's ~/.gitlab-ci-local must not leak in.
      {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: home, NO_COLOR: '1', FORCE_COLOR: '0' },
        maxBuffer: 2 ** 26,
        timeout: 60_000,
      },
    ).catch((error: { stderr?: string; stdout?: string; message: string }) => {
      throw new Error(
        `The pipeline's configuration is invalid: ${(error.stderr || error.stdout || error.message).trim()}`,
      );
    });
    const expanded = parse(await readFile(join(folder, '.gitlab-ci-local/expanded-gitlab-ci.yml'), 'utf8'), {
      maxAliasCount: -1,
    });
    const listed = JSON.parse(stdout.slice(stdout.indexOf('['))) as ListedJob[];
    return {
      stages: expanded.stages,
      expanded,
      jobs: listed.filter((job) => job.when !== 'never').map((job) => readJob(job, expanded)),
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Puts our templates where a versioned `include: component` is looked for before anything is downloaded. */
async function placeComponents(
  source: ExpansionSource,
  text: string,
  folder: string,
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [, written] of text.matchAll(/component:\s*['"]?([^\s'"]+)/g)) {
    const reference = expandVariables(written ?? '', (name) => variables[name]);
    const match = /^[^/]+\/(?<path>.+)\/(?<name>[^/@]+)@(?<version>.+)$/.exec(reference);
    if (!match?.groups) continue;
    const { path, name, version } = match.groups as { path: string; name: string; version: string };
    const template = join(source.componentRoot, 'templates', `${name}.yml`);
    if (!existsSync(template)) continue;
    const { hostname } = new URL(source.projectUrl);
    const target = join(folder, '.gitlab-ci-local/includes', hostname, path, version, 'templates');
    await mkdir(target, { recursive: true });
    await cp(template, join(target, `${name}.yml`));
  }
}

async function readTemplates(componentRoot: string): Promise<Map<string, string>> {
  const folder = join(componentRoot, 'templates');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yml')).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

function namesOf(text: string): Set<string> {
  return new Set([...text.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map((match) => match[1] as string));
}
