import { escapeText, link, shortSha } from './escape.ts';
import type { NoteApp } from './model.ts';

/** That an app runs an older commit than the newest, which one, and why. Empty where it does not. */
export function renderHead(app: NoteApp, options: { readonly named: boolean }): string {
  const { head, servingSha } = app;
  if (head === null) return '';
  const pipeline = head.pipelineUrl === null ? 'its pipeline' : link('its pipeline', head.pipelineUrl);
  const reasons: Readonly<Record<typeof head.kind, string>> = {
    skipped:
      head.pipelineUrl === null ? 'GitLab made no pipeline for it' : `${pipeline} was skipped, or deployed nothing`,
    failed: `${pipeline} failed before it was deployed`,
    canceled: `${pipeline} was canceled before it was deployed`,
  };
  const name = options.named ? `**${escapeText(app.label)}**: ` : '';
  const shown = servingSha === null ? '' : `, and the preview shows the older ${shortSha(servingSha)}`;
  return `⚠️ ${name}The newest commit ${shortSha(head.sha)} is not deployed${shown}: ${reasons[head.kind]}. To deploy it, run a pipeline (*Pipelines*, *Run pipeline*).`;
}
