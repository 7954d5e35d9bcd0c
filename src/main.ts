#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { runChanges } from './commands/changes.ts';
import { ConfigError, readConfig } from './config.ts';
import { messageOf } from './errors.ts';
import { createLog } from './log.ts';
import { startService } from './service.ts';
import { VERSION } from './version.ts';

const HELP = `branch-deployments ${VERSION}: a deployment for every GitLab merge request

  branch-deployments serve      run the service; its settings are environment variables (BD_…), see README.md
  branch-deployments changes    compare the Dagster projects in two folders: --base <folder> --branch <folder>
  branch-deployments version    print the version

  --help, -h   this text; after a command with options, what these are
`;

const [first, ...rest] = process.argv.slice(2);
if (first === 'changes') await changes(rest);
const { positionals, values } = readArguments();
const command = positionals[0];
if (values.help || command === 'help') print(HELP);
else if (command === 'version') print(`${VERSION}\n`);
else if (command === 'serve') await serve();
else fail(command === undefined ? HELP : `There is no command "${command}".\n\n${HELP}`);

/** A command with options of its own; ends the process. */
async function changes(args: readonly string[]): Promise<never> {
  const { code, stdout, stderr } = await runChanges(args, process.env);
  process.stderr.write(stderr);
  // A pipe takes a long answer piece by piece.
  await new Promise((resolve) => process.stdout.write(stdout, resolve));
  process.exit(code);
}

async function serve(): Promise<void> {
  const config = readOrFail();
  const log = createLog(config.logLevel);
  const starting = startService(config, { log });
  let stopping = false;
  // From the first moment on: a stop that comes while it starts is one like any other.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      log.info({ signal }, 'stopping; instances go on running');
      starting
        .then((service) => service.stop())
        .then(
          () => process.exit(0),
          (error: unknown) => fail(`${messageOf(error)}\n`, 1),
        );
    });
  }
  await starting.catch((error: unknown) => fail(`The service cannot start. ${messageOf(error)}\n`, 1));
}

function readOrFail() {
  try {
    return readConfig(process.env, { uid: process.getuid?.() });
  } catch (error) {
    if (error instanceof ConfigError) return fail(`The service cannot start: ${error.message}\n`);
    throw error;
  }
}

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

function print(text: string): void {
  process.stdout.write(text);
}

/** Exit code 2 says that the call or the settings must change. */
function fail(text: string, code = 2): never {
  process.stderr.write(text);
  process.exit(code);
}
