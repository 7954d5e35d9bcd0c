import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { askPreview } from '../support/ask-preview.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import type { AskPreview, DemoApp, DemoPush } from './app.ts';
import { BOT_TOKEN, type Setting } from './setting.ts';

const PATIENCE_MS = 10 * 60_000;

/** What happened in one act: for people, in a line each. */
export interface Act {
  readonly did: string;
  readonly tookMs: number;
  /** Things to look at. */
  readonly seen: readonly string[];
}

/** What people and programs are told of the newest push. */
export interface Told {
  /** The note's Markdown. */
  readonly note: string;
  readonly jobLog: string;
  /** What the API answers on its changes. */
  readonly changes: unknown;
  /** What the preview shows. */
  readonly shown: string;
}

/** The acts of the demo, each with what it must come to: they throw where it does not. */
export class Story {
  private readonly setting: Setting;
  private readonly app: DemoApp;
  private mergeRequest: MergeRequest | undefined;

  constructor(setting: Setting, app: DemoApp) {
    this.setting = setting;
    this.app = app;
  }

  get links() {
    const { gitlab, project } = this.setting;
    const { iid } = this.opened();
    const job = this.deployJob();
    return {
      mergeRequest: `${gitlab.url}/${project.path}/-/merge_requests/${iid}`,
      preview: gitlab.environment(project, `review/mr-${iid}`)?.externalUrl ?? '',
      job: job ? `${gitlab.url}/${project.path}/-/jobs/${job.id}` : '',
    };
  }

  /** Whether nothing can be pushed any more. */
  get over(): boolean {
    return this.mergeRequest !== undefined && this.mergeRequest.state !== 'opened';
  }

  /** The newest deploy job, and what the service has said in its log so far. */
  get steps(): { readonly job: number | undefined; readonly said: readonly string[] } {
    const job = this.deployJob();
    const lines = (job?.trace ?? '').split('\n').slice(0, -1);
    const said = lines.filter((line) => line.startsWith('==> ') && !line.endsWith(':'));
    return { job: job?.id, said: said.map((line) => line.slice(4)) };
  }

  async told(): Promise<Told> {
    const [name] = new URL(this.links.preview).hostname.split('.');
    const headers = { 'private-token': BOT_TOKEN };
    const response = await fetch(`${this.setting.serviceUrl}/api/deployments/${name}/changes`, { headers });
    return {
      note: this.note(),
      jobLog: this.deployJob()?.trace ?? '',
      changes: await response.json(),
      shown: await this.app.shown(this.ask),
    };
  }

  open(): Promise<Act> {
    return this.act(async () => {
      const { gitlab, project, developer } = this.setting;
      await gitlab.push(project, 'change', {
        files: this.app.open.files,
        message: this.app.open.message,
        author: developer,
      });
      this.mergeRequest = await gitlab.openMergeRequest(project, {
        sourceBranch: 'change',
        title: this.app.open.message,
        author: developer,
      });
      await this.settled();
      await this.expectServing(this.app.open);
      expect(this.environment()?.state === 'available', 'the environment is available');
      const work = await this.app.work?.(this.ask);
      return [
        'opened a merge request; its pipeline handed the branch to the service',
        'the note and the environment carry the link',
        'the preview shows the change',
        ...this.countedChanges(this.app.open),
        ...(work ? [`${work.done}: ${new URL(work.path, this.links.preview).href}`] : []),
      ];
    });
  }

  push(what: DemoPush): Promise<Act> {
    return this.act(async () => {
      const { preview } = this.links;
      await this.pushFiles(what);
      await this.expectServing(what);
      expect(this.links.preview === preview, 'the link stays the same');
      return [
        `pushed "${what.message}"`,
        'the new commit took the traffic when it was healthy',
        'same link, same note',
        ...this.countedChanges(what),
      ];
    });
  }

  breakIt(before: DemoPush): Promise<Act> {
    return this.act(async () => {
      await this.pushFiles(this.app.broken);
      expect(this.deployJob()?.exitCode === 1, 'the job ends with exit code 1');
      expect(this.note().includes(this.app.broken.shows), 'the note shows the error');
      await this.expectShown(before);
      return [
        `pushed "${this.app.broken.message}", which breaks the app`,
        'the job failed, and the note shows the error',
        'the commit before goes on serving',
      ];
    });
  }

  merge(): Promise<Act> {
    return this.act(async () => {
      const { gitlab, project, developer } = this.setting;
      const { preview } = this.links;
      await gitlab.mergeMergeRequest(this.opened(), developer);
      await until(
        'the preview to be gone',
        async () => (await askPreview(preview, { path: '/' })).status === 410,
        PATIENCE_MS,
      );
      await until(
        'the environment to be stopped',
        () => gitlab.environment(project, `review/mr-${this.opened().iid}`)?.state === 'stopped',
        PATIENCE_MS,
      );
      await until('the note to say so', () => this.note().includes('merged'), PATIENCE_MS);
      await until('everything on disk to be gone', () => this.leftOnDisk().length === 0, PATIENCE_MS);
      expect(gitlab.violations.length === 0, `GitLab takes every request: ${JSON.stringify(gitlab.violations)}`);
      return ['merged', 'preview, environment and everything on disk are gone; the note says so'];
    });
  }

  private async act(play: () => Promise<readonly string[]>): Promise<Act> {
    const began = performance.now();
    const [did = '', ...seen] = await play();
    return { did, seen, tookMs: performance.now() - began };
  }

  private async pushFiles(what: DemoPush): Promise<void> {
    const { gitlab, project, developer } = this.setting;
    await gitlab.push(project, 'change', { files: what.files, message: what.message, author: developer });
    await this.settled();
  }

  /** Until the pipelines have ended and the note has caught up with them. */
  private async settled(): Promise<void> {
    const { gitlab, project, runner, service } = this.setting;
    for (const pipeline of gitlab.pipelines(project))
      await runner.pipelineSettled(pipeline.id, { timeoutMs: PATIENCE_MS });
    await gitlab.webhooksSettled();
    await until('the service to have nothing left to do', () => service.idle(Date.now() + 1_500), PATIENCE_MS);
  }

  private async expectServing(what: DemoPush): Promise<void> {
    const job = this.deployJob();
    if (job?.exitCode !== 0) throw new Error(`the deploy job ended with ${job?.exitCode}:\n${job?.trace}`);
    await this.expectShown(what);
    expect(this.note().includes(this.links.preview), 'the note carries the link');
  }

  private async expectShown(what: DemoPush): Promise<void> {
    const shown = await this.app.shown(this.ask);
    expect(shown.includes(what.shows), `the preview shows "${what.shows}"`);
  }

  private countedChanges({ changes }: DemoPush): string[] {
    if (changes === undefined) return [];
    expect(this.note().includes(changes), `the note counts ${changes}`);
    return [`the note tells what it changes: ${changes}`];
  }

  private readonly ask: AskPreview = async (path, body) => {
    const request = { path, ...(body === undefined ? {} : graphql(body)) };
    return (await askPreview(this.links.preview, request)).body;
  };

  /** The service's one note. */
  private note(): string {
    const { gitlab, project, bot } = this.setting;
    const notes = gitlab.notes(project, this.opened().iid).filter((note) => note.authorId === bot.id);
    expect(notes.length === 1, 'there is one note');
    return notes[0]?.body ?? '';
  }

  /** What the service still has of a deployment, beside empty folders of its own. */
  private leftOnDisk(): string[] {
    return ['instances', 'deployments', 'bundles', 'bundles/trees', 'bundles/incoming']
      .flatMap((name) => readdirSync(join(this.setting.dataDir, name)))
      .filter((name) => name !== 'trees' && name !== 'incoming');
  }

  private environment() {
    return this.setting.gitlab.environment(this.setting.project, `review/mr-${this.opened().iid}`);
  }

  private deployJob() {
    const { gitlab, project } = this.setting;
    return gitlab
      .pipelines(project)
      .flatMap((pipeline) => pipeline.jobs)
      .filter((job) => job.name === 'branch-deployment:deploy')
      .sort((a, b) => b.id - a.id)[0];
  }

  private opened(): MergeRequest {
    if (!this.mergeRequest) throw new Error('no merge request is open yet');
    return this.mergeRequest;
  }
}

function graphql(body: string) {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold that ${what}`);
}
