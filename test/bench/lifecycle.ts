import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StandInGitLab } from '../support/gitlab/stand-in.ts';
import { freePort, until } from '../support/poll.ts';
import { surroundings } from '../support/surroundings.ts';
import { ChildService } from './child-service.ts';
import { close, type Life, makeLives, open, playStopJob, push, type Setting } from './lifecycle-lives.ts';
import type { Figure } from './report.ts';

const PUSHES = 3;
/** Requests to GitLab that are allowed for each push, and for opening with its first deployment and closing together. */
const A_PUSH = 6;
const MORE_A_LIFE = 8;
const GITLAB_DELAY_MS = 50;
const PATIENCE_MS = 300_000;
const TOKEN = 'glpat-bench';

/**
 * Merge requests that are opened, pushed three times and closed, all at once, against a GitLab that takes 50 ms for each answer: how often
 * the service asks GitLab, how long all of it takes, and how much memory the service takes.
 */
export async function benchLifecycle({ quick }: { readonly quick: boolean }): Promise<readonly Figure[]> {
  const count = quick ? 3 : 200;
  const dataDir = mkdtempSync(join(tmpdir(), 'bd-bench-'));
  const gitlab = await StandInGitLab.start();
  const port = await freePort();
  const serviceUrl = `http://localhost:${port}`;
  const bot = gitlab.addUser('bot', { tokens: [TOKEN] });
  const dev = gitlab.addUser('dev');
  const project = await gitlab.addProject({ path: 'bench/app', files: { 'README.md': 'bench' } });
  gitlab.addMember(project, bot, 40);
  gitlab.addMember(project, dev, 30);
  const env = {
    ...surroundings(),
    BD_GITLAB_URL: gitlab.url,
    BD_GITLAB_TOKEN: TOKEN,
    BD_PUBLIC_URL: serviceUrl,
    BD_ALLOWED_PROJECTS: 'bench/app',
    BD_LISTEN: `127.0.0.1:${port}`,
    BD_DATA_DIR: dataDir,
    BD_WEBHOOK_TOKEN: 'bench-bench',
    BD_PREVIEW_ACCESS: 'open',
    // Nothing is lost here, so nothing needs to be found again.
    BD_SWEEP_EVERY: '1d',
    BD_MAX_RUNNING: '1000',
    ...(process.getuid?.() === 0 ? { BD_PROCESS_USER: 'root' } : {}),
  };
  const service = await ChildService.start(env, { instant: true });
  const setting: Setting = { gitlab, project, dev, serviceUrl };
  try {
    const lives = await makeLives(setting, count, PUSHES);
    gitlab.addHook(project, { url: `${serviceUrl}/webhooks/gitlab`, token: 'bench-bench' });
    gitlab.onPlayStopJob = (environment) => playStopJob(setting, environment);
    gitlab.faults.add({ match: { path: /\/api\/v4\// }, act: { delayMs: GITLAB_DELAY_MS } });
    return await lead(setting, lives, service);
  } finally {
    await service.stop();
    await gitlab.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** All lives at once, step by step, so that it can be said which step asked for what. */
async function lead(setting: Setting, lives: readonly Life[], service: ChildService): Promise<Figure[]> {
  const { gitlab } = setting;
  let totalMs = 0;
  const step = async (act: (life: Life) => Promise<void>): Promise<Asked> => {
    const from = gitlab.requests.length;
    const began = performance.now();
    await Promise.all(lives.map(act));
    await until('the service to be done', () => isDone(gitlab, service), PATIENCE_MS);
    totalMs += performance.now() - began;
    const asked = gitlab.requests.slice(from).filter(({ path }) => path.includes('/api/v4/'));
    const reads = asked.filter(({ method }) => method === 'GET').length / lives.length;
    return { reads, writes: asked.length / lives.length - reads };
  };
  const opened = await step((life) => open(setting, life));
  const pushed = [];
  for (let number = 1; number <= PUSHES; number += 1) pushed.push(await step((life) => push(setting, life, number)));
  const closed = await step((life) => close(setting, life));
  checkEnd(setting, lives);

  const all = [opened, ...pushed, closed];
  return [
    { name: 'lives', value: lives.length, unit: '' },
    { name: 'total', value: totalMs, unit: 'ms' },
    { name: 'reads-a-push', value: sum(pushed, 'reads') / PUSHES, unit: '' },
    { name: 'writes-a-push', value: sum(pushed, 'writes') / PUSHES, unit: '' },
    { name: 'requests-a-push', value: sum(pushed) / PUSHES, unit: '', goal: { atMost: A_PUSH } },
    { name: 'reads-a-life', value: sum(all, 'reads'), unit: '' },
    { name: 'writes-a-life', value: sum(all, 'writes'), unit: '' },
    { name: 'requests-a-life', value: sum(all), unit: '', goal: { atMost: PUSHES * A_PUSH + MORE_A_LIFE } },
    { name: 'peak-memory', value: await service.peakMb(), unit: 'MB' },
  ];
}

interface Asked {
  readonly reads: number;
  readonly writes: number;
}

function sum(steps: readonly Asked[], what?: keyof Asked): number {
  return steps.reduce((all, step) => all + (what ? step[what] : step.reads + step.writes), 0);
}

/** No webhook is under way, and nothing is due but to look again later at what is in order. */
async function isDone(gitlab: StandInGitLab, service: ChildService): Promise<boolean> {
  await gitlab.webhooksSettled();
  return service.isIdle(2_500);
}

/** Figures of a service that did not do its work are worth nothing. */
function checkEnd({ gitlab, project, dev }: Setting, lives: readonly Life[]): void {
  for (const { mergeRequest } of lives) {
    const iid = mergeRequest?.iid ?? 0;
    const notes = gitlab.notes(project, iid).filter((note) => note.authorId !== dev.id);
    const environment = gitlab.environment(project, `review/mr-${iid}`);
    if (notes.length !== 1 || !notes[0]?.body.includes('Stopped') || environment?.state !== 'stopped')
      throw new Error(`!${iid} did not end as it should: ${notes.length} notes, environment ${environment?.state}`);
  }
  if (gitlab.violations.length > 0) throw new Error(`GitLab refused: ${JSON.stringify(gitlab.violations[0])}`);
}
