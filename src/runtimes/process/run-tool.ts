import { type Command, describeEnd, runCommand } from './run-command.ts';

/** How a tool of the system is run. */
export type ToolOptions = Omit<Command, 'argv' | 'directory' | 'onOutput' | 'pipeFolder'>;

/**
 * Runs a small shell script over the arguments `$1`, `$2` …, to do with the account's rights what the service must not do with its own:
 * where it is root, a link that an instance planted would lead it astray. Rejects with what the script printed.
 */
export async function runTool(script: string, args: readonly string[], options: ToolOptions): Promise<void> {
  const output: Uint8Array[] = [];
  const end = await runCommand({
    argv: ['/bin/sh', '-c', script, 'sh', ...args],
    directory: '/',
    onOutput: (chunk) => {
      if (output.length < 20) output.push(chunk);
    },
    ...options,
  });
  if (end.code === 0) return;
  const printed = Buffer.concat(output).toString().trim().slice(0, 2000);
  throw new Error(printed || `ended with ${describeEnd(end)}`);
}
