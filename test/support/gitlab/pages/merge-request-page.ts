import { mergeRequestPipelines } from '../acts/pipelines.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Environment, MergeRequest, Note, Pipeline } from '../state.ts';
import { badge, escapeHtml, layout } from './layout.ts';
import { emoji, renderMarkdown } from './markdown.ts';

/** The page of a merge request: state, environments with their links, pipelines, notes. */
export function mergeRequestPage(gitlab: StandInGitLab, mergeRequest: MergeRequest): string {
  const project = gitlab.project(mergeRequest.projectId);
  const pipelines = mergeRequestPipelines(gitlab, mergeRequest);
  const author = gitlab.user(mergeRequest.authorId);
  const source =
    mergeRequest.sourceProjectId === project.id
      ? ''
      : `${gitlab.project(mergeRequest.sourceProjectId ?? project.id).path}:`;
  const notes = mergeRequest.notes.map((note) => noteCard(gitlab, note)).join('');
  return layout({
    title: `${mergeRequest.title} (!${mergeRequest.iid})`,
    crumbs: [
      [project.path, '/'],
      [`!${mergeRequest.iid}`, `/${project.path}/-/merge_requests/${mergeRequest.iid}`],
    ],
    live: true,
    body: `
<h1>${escapeHtml(mergeRequest.title)} <span class="dim">!${mergeRequest.iid}</span></h1>
<p>${badge(mergeRequest.state)} ${escapeHtml(author.name)} wants to merge <code>${escapeHtml(source + mergeRequest.sourceBranch)}</code> into
<code>${escapeHtml(mergeRequest.targetBranch)}</code> · head <a href="/${project.path}/-/commit/${mergeRequest.sha}"><code>${mergeRequest.sha.slice(0, 8)}</code></a></p>
${mergeRequest.labels.length > 0 ? `<p class="dim">Labels: ${mergeRequest.labels.map(escapeHtml).join(', ')}</p>` : ''}
${renderMarkdown(mergeRequest.description)}
<h2>Environments</h2>${environmentList(environmentsOf(gitlab, pipelines), mergeRequest)}
<h2>Pipelines</h2>${pipelines.map((pipeline) => pipelineCard(gitlab, pipeline)).join('') || '<p class="dim">None yet.</p>'}
<h2>Activity</h2>${notes || '<p class="dim">Nothing yet.</p>'}`,
  });
}

/** Environments that jobs of these pipelines deploy to. */
function environmentsOf(gitlab: StandInGitLab, pipelines: readonly Pipeline[]): Environment[] {
  const names = new Set(
    pipelines.flatMap(({ projectId, jobs }) => jobs.map(({ environmentName }) => `${projectId} ${environmentName}`)),
  );
  return gitlab.state.environments.filter(({ projectId, name }) => names.has(`${projectId} ${name}`));
}

/** *View app* is there for available environments with a link only, as in GitLab's widget. */
function environmentList(environments: readonly Environment[], mergeRequest: MergeRequest): string {
  if (environments.length === 0) return '<p class="dim">None yet.</p>';
  const items = environments.map(({ name, state, externalUrl }) => {
    const view =
      state === 'available' && externalUrl !== null && mergeRequest.state === 'opened'
        ? ` <a class="button" href="${escapeHtml(externalUrl)}" rel="noopener">View app</a>`
        : '';
    return `<li>${badge(state)} <strong>${escapeHtml(name)}</strong>${view} <span class="dim">${escapeHtml(externalUrl ?? '')}</span></li>`;
  });
  return `<ul class="plain">${items.join('')}</ul>`;
}

export function pipelineCard(gitlab: StandInGitLab, pipeline: Pipeline): string {
  const { path } = gitlab.project(pipeline.projectId);
  const jobs = pipeline.jobs
    .map(
      (job) =>
        `<li>${badge(job.status)} <a href="/${path}/-/jobs/${job.id}">${escapeHtml(job.name)}</a> <span class="dim">${escapeHtml(job.stage)}</span></li>`,
    )
    .join('');
  return `<div class="card"><div class="head">${badge(pipeline.status)} <a href="/${path}/-/pipelines/${pipeline.id}">Pipeline #${pipeline.id}</a>
<span class="dim">${escapeHtml(pipeline.ref)} · ${pipeline.sha.slice(0, 8)}</span></div><div class="body"><ul class="plain">${jobs}</ul></div></div>`;
}

function noteCard(gitlab: StandInGitLab, note: Note): string {
  const author = gitlab.user(note.authorId);
  if (note.system) return `<div class="system">${escapeHtml(author.name)} ${escapeHtml(note.body)}</div>`;
  const awards = note.emojis.map(({ name }) => emoji(name)).join(' ');
  const edited = note.edits > 0 ? ` · edited ${note.edits} ${note.edits === 1 ? 'time' : 'times'}` : '';
  return `<div class="card" id="note_${note.id}"><div class="head"><strong>${escapeHtml(author.name)}</strong> <span class="dim">@${escapeHtml(author.username)} · ${note.createdAt}${edited}</span></div>
<div class="body">${renderMarkdown(note.body)}${awards === '' ? '' : `<p>${awards}</p>`}</div></div>`;
}
