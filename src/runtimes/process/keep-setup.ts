import { lstat, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder, removeFolder } from './folders.ts';
import type { Ground } from './ground.ts';
import type { Instance } from './instance.ts';
import { COPY, type Keep, type KeptSetup, pathsBelow, setupFolder, UNFINISHED } from './kept-setups.ts';
import { ofStart, removeInstanceFolder, runInstanceTool } from './run-inside.ts';
import type { ToolOptions } from './run-tool.ts';
import { sealFolder } from './seal-folder.ts';
import { sparesEnvironment } from './spares-environment.ts';

/**
 * Copies what a step has made out of the tree, and keeps it when it has its finish; rejects where it made nothing. Two at once for the same
 * key do not meet: the first one that is whole stays.
 */
export async function keepSetup(instance: Instance, keep: Keep): Promise<{ missing: string[] }> {
  const { ground, folders } = instance;
  const outputs = pathsBelow(instance, keep);
  const missing: string[] = [];
  const unfinished = join(ground.folders.setups, `${UNFINISHED}${instance.record.name}-${keep.key}`);
  await ground.finishing.hurry({ key: keep.key });
  await removeInstanceFolder(instance, unfinished);
  makePrivateFolder(unfinished, ground.account);
  const copies: string[] = [];
  try {
    for (const [index, output] of outputs.entries()) {
      const source = join(folders.tree, output);
      const copy = join(unfinished, String(index));
      if (!(await lstat(source).catch(() => undefined))) missing.push(output);
      else {
        await runInstanceTool(instance, COPY, [source, copy], { account: ground.account });
        copies.push(copy);
      }
    }
    if (missing.length === outputs.length) throw new Error('it made none of them');
  } catch (error) {
    await removeInstanceFolder(instance, unfinished);
    throw error;
  }
  const setup: KeptSetup = {
    ...{ tree: folders.tree, outputs, missing },
    ...(keep.kin === undefined ? {} : { kin: keep.kin }),
    ...(keep.parts === undefined ? {} : { parts: keep.parts }),
  };
  const { env, signal } = ofStart(instance);
  const { key, kin, finish } = keep;
  if (finish === undefined)
    await nameSetup(ground, unfinished, { key, setup, tool: { env, ...(signal && { signal }) } });
  else
    ground.finishing.begin(ground, { key, kin, finish, outputs: copies }, () =>
      nameSetup(ground, unfinished, { key, setup, tool: { env: sparesEnvironment(ground) } }),
    );
  return { missing };
}

/** Gives a copy that is whole its name, out of the instances' reach. */
async function nameSetup(
  ground: Ground,
  unfinished: string,
  options: { readonly key: string; readonly setup: KeptSetup; readonly tool: Pick<ToolOptions, 'env' | 'signal'> },
): Promise<void> {
  const { key, setup, tool } = options;
  try {
    await sealFolder(ground, unfinished, tool);
    await writeFile(join(unfinished, 'setup.json'), JSON.stringify(setup));
    await rename(unfinished, setupFolder(ground, key));
  } catch (error) {
    await removeFolder(unfinished, ground.account, { env: tool.env });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}
