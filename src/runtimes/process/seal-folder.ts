import type { Ground } from './ground.ts';
import { runTool, type ToolOptions } from './run-tool.ts';

/**
 * Takes a folder away from the instances' user: it becomes the service's, readable for them, writable for none of them.
 * Nothing to do where instances run as the service's own user: then nothing can be kept from them.
 */
export async function sealFolder(
  { account }: Ground,
  path: string,
  options: Pick<ToolOptions, 'env' | 'signal'>,
): Promise<void> {
  if (!account) return;
  const script = 'chown -R -h -- "$1" "$2" && chmod -R u-s,g-s,g=u,g-w,o-w -- "$2"';
  await runTool(script, [`${process.getuid?.() ?? 0}:${account.gid}`, path], { account: null, ...options });
}
