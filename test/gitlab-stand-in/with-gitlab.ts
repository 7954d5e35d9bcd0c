import { StandInGitLab, type StandInOptions } from '../support/gitlab/stand-in.ts';
import type { MergeRequest, Project, User } from '../support/gitlab/state.ts';

export interface World {
  readonly gitlab: StandInGitLab;
  readonly project: Project;
  readonly ada: User;
  readonly bot: User;
  /** Open, from `feature` into `main`. */
  readonly mergeRequest: MergeRequest;
  /** A request with the bot's token. */
  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
}

/** A stand-in with one project, a developer, a bot and one merge request. */
export async function withGitLab(story: (world: World) => Promise<void>, options: StandInOptions = {}): Promise<void> {
  const gitlab = await StandInGitLab.start(options);
  try {
    const ada = gitlab.addUser('ada', { name: 'Ada' });
    const bot = gitlab.addUser('project_1_bot', { name: 'Branch deployments', tokens: ['secret-of-the-bot'] });
    const project = await gitlab.addProject({ path: 'data/platform', files: { 'app.py': 'print(1)\n' }, owner: ada });
    gitlab.addMember(project, bot, 30);
    await gitlab.push(project, 'feature', { files: { 'app.py': 'print(2)\n' }, message: 'Print two', author: ada });
    const mergeRequest = await gitlab.openMergeRequest(project, { sourceBranch: 'feature', title: 'Two', author: ada });
    const call: World['call'] = async (method, path, body) => {
      const response = await fetch(`${gitlab.localUrl}/api/v4${path}`, {
        method,
        headers: {
          'PRIVATE-TOKEN': 'secret-of-the-bot',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers };
    };
    await story({ gitlab, project, ada, bot, mergeRequest, call });
  } finally {
    await gitlab.close();
  }
}
