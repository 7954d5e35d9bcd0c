import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emitKeypressEvents } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatDuration } from '../../src/deployment/units.ts';
import type { DemoPush } from './app.ts';
import { chooseApp } from './choose-app.ts';
import { startSetting } from './setting.ts';
import { type Act, Story } from './story.ts';

const HELP = `npm run demo -- [--app command|dagster] [--once [--told <folder>]]

Starts a stand-in GitLab, the service and a small project on this machine, opens a merge request and runs its pipeline.

  --app command   a small Node web page
  --app dagster   a Dagster workspace with a dbt project, installed from PyPI (needs Python 3.11, 3.12 or 3.13)
  --once          plays the whole story, checks each act, and ends
  --told          where to write what people are told of each push: the note, the job's log, what the API and the preview say
`;

/** How long an act may go on for whose GitLab is gone. */
const ACT_ENDS_MS = 2_000;

const options = readOptions();
const app = chooseOrFail();
let ending = false;
/** The act that is played. */
let underWay: Promise<unknown> = Promise.resolve();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(options.once ? 1 : 0));
console.log(`App: ${app.name} (${app.why})`);
const folder = mkdtempSync(join(tmpdir(), 'branch-deployments-demo-'));
// All that the demo writes is below one folder, also what the runner and git make: an end at any time leaves nothing.
process.env.TMPDIR = folder;
const starting = startSetting(app, folder);
try {
  await tell();
} catch (error) {
  // What was under way when the end came fails, and says nothing new.
  if (!ending) console.error(`\n✗ ${messageOf(error)}`);
  await end(1);
}

async function tell(): Promise<void> {
  const setting = await starting;
  if (ending) return;
  console.log(`GitLab (a stand-in): ${setting.gitlab.url}`);
  console.log(`The service:         ${setting.serviceUrl}   its log: ${setting.logFile}\n`);
  const story = new Story(setting, app);
  await play(story, `Opening a merge request, "${app.open.message}"`, () => story.open());
  await writeTold(story, 'first-push');
  if (!options.once) return stayUp(story);
  await play(story, 'Pushing a second commit', () => story.push(app.second));
  await writeTold(story, 'second-push');
  await play(story, 'Pushing a commit that breaks the app', () => story.breakIt(app.second));
  await play(story, 'Merging', () => story.merge());
  console.log('\nThe whole story holds.');
  await end(0);
}

/** Plays an act: the service's steps as the job's log gets them, then what came of it. */
async function play(story: Story, what: string, act: () => Promise<Act>): Promise<void> {
  console.log(`  ${what} …`);
  const before = story.steps.job;
  let shown = 0;
  const show = () => {
    const { job, said } = story.steps;
    if (job === before || ending) return;
    for (const line of said.slice(shown)) console.log(`    | ${line}`);
    shown = said.length;
  };
  const watch = setInterval(show, 200);
  try {
    const acting = act();
    underWay = acting.catch(() => {});
    const { did, seen, tookMs } = await acting;
    show();
    console.log(`✓ ${did} (${formatDuration(tookMs)})`);
    for (const line of seen) console.log(`    ${line}`);
    if (story.steps.job !== before) console.log(`    the job's whole log: ${story.links.job}`);
  } finally {
    clearInterval(watch);
  }
}

async function writeTold(story: Story, push: string): Promise<void> {
  if (options.told === undefined) return;
  const { note, jobLog, changes, shown } = await story.told();
  const files = { 'note.md': note, 'job.log': jobLog, 'changes.json': JSON.stringify(changes), 'shown.txt': shown };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(options.told, `${push}-${name}`), text);
}

function stayUp(story: Story): void {
  console.log(`\n  the merge request   ${story.links.mergeRequest}`);
  console.log(`  the preview         ${story.links.preview}`);
  console.log(`  the job's log       ${story.links.job}\n`);
  if (!process.stdin.isTTY) {
    console.log('It stays up until it is ended by a signal.');
    return;
  }
  console.log('Keys: p push a second commit, b push one that breaks the app, m merge, q end\n');
  /** What the preview shows now: pushes go back and forth between two contents, so that each changes something. */
  let serving: DemoPush = app.open;
  const acts: Readonly<Record<string, () => Promise<void>>> = {
    async p() {
      const next = serving === app.open ? app.second : app.open;
      await play(story, 'Pushing a commit', () => story.push(next));
      serving = next;
    },
    b: () => play(story, 'Pushing a commit that breaks the app', () => story.breakIt(serving)),
    m: () => play(story, 'Merging', () => story.merge()),
  };
  let busy = false;
  emitKeypressEvents(process.stdin);
  process.stdin.setRawMode(true);
  process.stdin.on('keypress', async (_text: string, key: { name?: string; ctrl?: boolean }) => {
    if (key.name === 'q' || (key.ctrl && key.name === 'c')) return end(0);
    const act = acts[key.name ?? ''];
    if (!act || busy) return;
    if (story.over)
      return console.log('The merge request is merged, so nothing can be pushed any more: q ends the demo.');
    busy = true;
    await act().catch((error: unknown) => ending || console.error(`✗ ${messageOf(error)}`));
    busy = false;
  });
}

async function end(code: number): Promise<never> {
  if (ending) return new Promise(() => {});
  ending = true;
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  if (!options.once) console.log('\nEnding …');
  let failed = false;
  try {
    const setting = await starting.catch(() => undefined);
    await setting?.close();
    // A git that it has begun would make its folder again.
    await Promise.race([underWay, delay(ACT_ENDS_MS)]);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    failed = true;
    console.error(`✗ the end: ${messageOf(error)}`);
  }
  process.exit(failed ? 1 : code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function chooseOrFail() {
  try {
    return chooseApp(options.app, console.log);
  } catch (error) {
    console.error(messageOf(error));
    process.exit(2);
  }
}

function readOptions(): {
  readonly app: 'command' | 'dagster' | undefined;
  readonly once: boolean;
  readonly told: string | undefined;
} {
  try {
    const { values } = parseArgs({
      options: {
        app: { type: 'string' },
        once: { type: 'boolean', default: false },
        told: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    if (values.app !== undefined && values.app !== 'command' && values.app !== 'dagster')
      throw new Error(`--app is command or dagster, not "${values.app}"`);
    return { app: values.app, once: values.once, told: values.told };
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${HELP}`);
    process.exit(2);
  }
}
