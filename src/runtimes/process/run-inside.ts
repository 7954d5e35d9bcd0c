import { buildEnvironment, markingEnvironment } from './environment.ts';
import { removeFolder } from './folders.ts';
import type { Instance } from './instance.ts';
import type { End } from './run-command.ts';
import { runTool, type ToolOptions } from './run-tool.ts';

/** A script that runs where the instance runs, with its rights and environment. */
export interface ShellRun {
  readonly script: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** Runs a shell script for the instance. `name` stands in the record while it runs. */
export function runShell(instance: Instance, name: string, run: ShellRun): Promise<End> {
  const { ground, folders, record } = instance;
  const surroundings = { name: record.name, folders, port: record.port };
  return instance.run(name, {
    argv: ['/bin/sh', '-c', run.script],
    directory: run.directory,
    env: buildEnvironment(ground, surroundings, { planned: run.env }),
    account: ground.account,
    graceMs: ground.stopGraceMs,
    pipeFolder: folders.root,
    onOutput: run.onOutput,
    ...(run.signal ? { signal: run.signal } : {}),
  });
}

/** Runs a tool of the system on the instance's files; it ends with the start that it belongs to. */
export async function runInstanceTool(
  instance: Instance,
  script: string,
  args: readonly string[],
  options: Pick<ToolOptions, 'account' | 'input'>,
): Promise<void> {
  await runTool(script, args, { ...options, ...ofStart(instance) });
}

/** Marks a tool as the instance's, and has it end with the start that it belongs to. */
export function ofStart(instance: Instance): Pick<ToolOptions, 'env' | 'signal'> {
  const { ground, folders, record } = instance;
  return { env: markingEnvironment(ground, { name: record.name, folders }), signal: instance.signal };
}

/** Removes a folder that the instance works on. */
export async function removeInstanceFolder(instance: Instance, path: string): Promise<void> {
  const { ground, folders, record } = instance;
  await removeFolder(path, ground.account, { env: markingEnvironment(ground, { name: record.name, folders }) });
}
