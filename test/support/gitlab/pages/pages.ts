import { resolveCommit, runGit } from '../git/git.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Project } from '../state.ts';
import { badge, escapeHtml, layout } from './layout.ts';
import { mergeRequestPage, pipelineCard } from './merge-request-page.ts';

/** The page at a path, for people who look at the stand-in; undefined where there is none. */
export async function renderPage(gitlab: StandInGitLab, path: string): Promise<string | undefined> {
  if (path === '/') return homePage(gitlab);
  const [projectPath = '', rest = ''] = path.slice(1).replace(/\/$/, '').split('/-/');
  const project = gitlab.state.projects.find((other) => other.path === projectPath);
  if (!project) return undefined;
  if (rest === '') return homePage(gitlab);
  const [kind, key = ''] = rest.split('/');
  switch (kind) {
    case 'merge_requests': {
      const found = gitlab.state.mergeRequests.find(
        ({ projectId, iid }) => projectId === project.id && String(iid) === key,
      );
      return found && mergeRequestPage(gitlab, found);
    }
    case 'jobs':
      return jobPage(gitlab, project, key);
    case 'pipelines': {
      const found = gitlab.state.pipelines.find(({ projectId, id }) => projectId === project.id && String(id) === key);
      const title = `Pipeline #${key}`;
      return (
        found &&
        layout({
          title,
          crumbs: crumbs(project),
          live: true,
          body: `<h1>${title}</h1>${pipelineCard(gitlab, found)}`,
        })
      );
    }
    case 'commit':
      return commitPage(project, key);
    default:
      return undefined;
  }
}

const crumbs = (project: Project): Array<readonly [string, string]> => [[project.path, `/${project.path}`]];

function homePage(gitlab: StandInGitLab): string {
  const projects = gitlab.state.projects.map((project) => {
    const items = gitlab.state.mergeRequests
      .filter(({ projectId }) => projectId === project.id)
      .map(
        ({ iid, title, state }) =>
          `<li>${badge(state)} <a href="/${project.path}/-/merge_requests/${iid}">${escapeHtml(title)}</a> <span class="dim">!${iid}</span></li>`,
      );
    return `<h2>${escapeHtml(project.path)}</h2><ul class="plain">${items.join('') || '<li class="dim">No merge requests.</li>'}</ul>`;
  });
  return layout({ title: 'Projects', crumbs: [], live: true, body: `<h1>Projects</h1>${projects.join('')}` });
}

function jobPage(gitlab: StandInGitLab, project: Project, key: string): string | undefined {
  const job = gitlab.state.pipelines
    .filter(({ projectId }) => projectId === project.id)
    .flatMap(({ jobs }) => jobs)
    .find(({ id }) => String(id) === key);
  if (!job) return undefined;
  const pipeline = gitlab.pipeline(job.pipelineId);
  const ended = ['success', 'failed', 'canceled', 'skipped', 'manual'].includes(job.status);
  const environment = job.environmentName === null ? '' : ` · environment ${escapeHtml(job.environmentName)}`;
  return layout({
    title: job.name,
    crumbs: crumbs(project),
    live: !ended,
    body: `<h1>${escapeHtml(job.name)}</h1><p>${badge(job.status)} <span class="dim">${escapeHtml(job.stage)} ·
<a href="/${project.path}/-/pipelines/${pipeline.id}">pipeline #${pipeline.id}</a>${environment}</span></p>
<pre class="trace">${escapeHtml(plainTrace(job.trace)) || '<span class="dim">No output yet.</span>'}</pre>`,
  });
}

/** Without colours and section marks. */
function plainTrace(trace: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a trace holds
  return trace.replace(/section_(start|end):\d+:[^\r]*\r/g, '').replace(/\x1b\[[0-9;]*[A-Za-z]/g, '');
}

async function commitPage(project: Project, key: string): Promise<string | undefined> {
  const sha = /^[0-9a-f]{4,40}$/.test(key) ? await resolveCommit(project.repository, key) : null;
  if (sha === null) return undefined;
  const { stdout } = await runGit(project.repository, ['show', '--stat', '--patch', '--format=fuller', sha]);
  const title = `Commit ${sha.slice(0, 8)}`;
  return layout({
    title,
    crumbs: crumbs(project),
    body: `<h1>${title}</h1><pre class="trace">${escapeHtml(stdout.slice(0, 100_000))}</pre>`,
  });
}
