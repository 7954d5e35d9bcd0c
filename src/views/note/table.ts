import type { Phase, StopReason } from '../../deployment/phase.ts';
import { formatDuration } from '../../deployment/units.ts';
import { escapeText, link, shortSha } from './escape.ts';
import type { NoteApp, NoteRevision } from './model.ts';

const MAX_LABEL = 80;
const MAX_TITLE = 120;
const MAX_PERSON = 60;
const MAX_TROUBLE = 200;

const PHASES: Readonly<Record<Phase, string>> = {
  queued: '🕐 Queued',
  deploying: '🚧 Deploying',
  running: '✅ Running',
  failed: '❌ Failed',
  stopping: '⏳ Stopping',
  stopped: '⏹️ Stopped',
};

const REASONS: Readonly<Record<StopReason, string>> = {
  merged: 'merged',
  closed: 'closed',
  undeployed: 'taken down with `/undeploy`',
  deleted: 'merge request deleted',
  unreadable: 'project not readable',
};

/** One row for each app. */
export function renderTable(apps: readonly NoteApp[]): string {
  return ['| App | Status | Commit | Updated |', '|---|---|---|---|', ...apps.map(renderRow)].join('\n');
}

function renderRow(app: NoteApp): string {
  const gone = app.phase === 'stopped' || app.phase === 'stopping';
  const name = `**${escapeText(app.label, { maxLength: MAX_LABEL }) || 'app'}**`;
  const cells = [
    gone ? name : `${name}<br>${link('Open preview', app.url)}`,
    renderStatus(app),
    app.latest === null ? '–' : renderCommit(app.latest),
    app.latest === null ? '–' : renderTimes(app.latest),
  ];
  return `| ${cells.join(' | ')} |`;
}

function renderStatus(app: NoteApp): string {
  const status = statusOf(app);
  if (app.phase === 'stopped' || app.phase === 'stopping') {
    const reason = app.stopReason === null ? [] : [REASONS[app.stopReason]];
    return [status, ...reason, ...renderTrouble(app)].join('<br>');
  }
  if (app.servingSha === null || app.servingSha === app.latest?.sha) return status;
  return `${status}<br>still serving ${shortSha(app.servingSha)}`;
}

function renderTrouble({ stopTrouble }: NoteApp): string[] {
  if (stopTrouble === null) return [];
  const error = escapeText(stopTrouble.error, { maxLength: MAX_TROUBLE });
  return [`not gone after ${stopTrouble.tries} tries or more, and tried again: ${error || 'no reason is known'}`];
}

function statusOf(app: NoteApp): string {
  if (app.held && app.phase === 'queued') return '✋ Waits for approval';
  return app.queue === null ? PHASES[app.phase] : `${PHASES.queued}<br>place ${app.queue.place} in the queue`;
}

function renderCommit(revision: NoteRevision): string {
  const title = escapeText(revision.title, { maxLength: MAX_TITLE });
  // GitLab looks for no mention or reference within a link.
  const commit = link(title === '' ? shortSha(revision.sha) : `${shortSha(revision.sha)} ${title}`, revision.commitUrl);
  return `${commit}<br>by ${escapeText(revision.pushedBy, { maxLength: MAX_PERSON }) || 'unknown'}`;
}

function renderTimes(revision: NoteRevision): string {
  const at = `${revision.at.slice(0, 10)} ${revision.at.slice(11, 16)} UTC`;
  return revision.tookMs === null ? at : `${at}<br>took ${formatDuration(revision.tookMs)}`;
}
