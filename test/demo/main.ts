import { emitKeypressEvents } from 'node:readline';
import { parseArgs } from 'node:util';
import { formatDuration } from '../../src/deployment/units.ts';
import type { DemoPush } from './app.ts';
import { chooseApp } from './choose-app.ts';
import { type Setting, startSetting } from './setting.ts';
import { type Act, Story } from './story.ts';

const HELP = `npm run demo -- [--app command|dagster] [--once]

Starts a stand-in GitLab, the service and a small project on this machine, opens a merge request and runs its pipeline.

  --app command   a small Node web page
  --app dagster   a real Dagster project, installed from PyPI (needs Python 3.10 or newer)
  --once          plays the whole story, checks each act, and ends
`;

const options = readOptions();
const app = chooseOrFail();
console.log(`App: ${app.name} (${app.why})`);
const setting = await startSetting(app);
let ending = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));
console.log(`GitLab (a stand-in): ${setting.gitlab.url}`);
console.log(`The service:         ${setting.serviceUrl}   its log: ${setting.logFile}\n`);
const story = new Story(setting, app);
/** What the preview shows now. */
let serving: DemoPush = app.open;
try {
  report(await story.open());
  if (options.once) await playOn();
  else stayUp(setting);
} catch (error) {
  console.error(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
  await end(1);
}

async function playOn(): Promise<void> {
  report(await story.push(app.second));
  report(await story.breakIt(app.second));
  report(await story.merge());
  console.log('\nThe whole story holds.');
  await end(0);
}

function stayUp({ gitlab }: Setting): void {
  const { mergeRequest, preview, job } = story.links;
  console.log(
    `\n  the merge request   ${mergeRequest}\n  the preview         ${preview}\n  the job's log       ${job}\n`,
  );
  if (gitlab.violations.length > 0) console.log(`The stand-in refused: ${JSON.stringify(gitlab.violations)}`);
  if (!process.stdin.isTTY) {
    console.log('It stays up until it is ended by a signal.');
    return;
  }
  console.log('Keys: p push a second commit, b push one that breaks the app, m merge, q end');
  emitKeypressEvents(process.stdin);
  process.stdin.setRawMode(true);
  let busy = false;
  process.stdin.on('keypress', (_text: string, key: { name?: string; ctrl?: boolean }) => {
    if (key.name === 'q' || (key.ctrl && key.name === 'c')) return void end(0);
    const act = { p: push, b: breakIt, m: merge }[key.name ?? ''];
    if (!act || busy) return;
    busy = true;
    act()
      .then(report, (error: unknown) => console.error(`✗ ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        busy = false;
      });
  });
}

/** Back and forth between two contents, so that every push changes something. */
function push(): Promise<Act> {
  serving = serving === app.open ? app.second : app.open;
  return story.push(serving);
}

const breakIt = (): Promise<Act> => story.breakIt(serving);

const merge = (): Promise<Act> => story.merge();

function report({ did, seen, log, tookMs }: Act): void {
  console.log(`✓ ${did} (${formatDuration(tookMs)})`);
  for (const line of seen) console.log(`    ${line}`);
  for (const line of log) console.log(`    | ${line}`);
}

async function end(code: number): Promise<never> {
  if (ending) return new Promise(() => {});
  ending = true;
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  if (!options.once) console.log('\nEnding …');
  await setting.close().catch((error: unknown) => console.error(error));
  process.exit(code);
}

function chooseOrFail() {
  try {
    return chooseApp(options.app, console.log);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

function readOptions(): { readonly app: 'command' | 'dagster' | undefined; readonly once: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        app: { type: 'string' },
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    if (values.app !== undefined && values.app !== 'command' && values.app !== 'dagster')
      throw new Error(`--app is command or dagster, not "${values.app}"`);
    return { app: values.app, once: values.once };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}
