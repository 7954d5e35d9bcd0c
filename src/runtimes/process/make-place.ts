import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Launch, Place } from '../../deployment/launch.ts';
import type { Source } from '../runtime.ts';
import { deploymentFolder } from './folders.ts';
import type { Instance } from './instance.ts';
import { runInstanceTool } from './run-inside.ts';

/** The tree, and ports for what will run in it. */
export async function makePlace(
  instance: Instance,
  { launch, source }: { readonly launch: Launch; readonly source: Source },
): Promise<Place> {
  const { ground, folders, record } = instance;
  instance.at('unpacking');
  await source.unpackInto(folders.tree, instance.signal);
  instance.signal.throwIfAborted();
  await readyTree(instance, folders.tree);
  const ports = await ground.ports.take(record.name, launch.ports, { host: ground.host });
  instance.save({ ports, port: ports[launch.ports[0]] as number });
  return placeOf(instance);
}

/** Makes a tree that has just been unpacked the instance's. */
export async function readyTree(instance: Instance, tree: string): Promise<void> {
  const { account } = instance.ground;
  // Tools that look for a repository's root stop here, and do not find one that the data directory happens to lie in.
  await Promise.all([mkdir(join(tree, '.git'), { recursive: true }), chmod(tree, 0o700)]);
  if (!account) return;
  const owner = `${account.uid}:${account.gid}`;
  await runInstanceTool(instance, 'chown -R -h -- "$1" "$2"', [owner, tree], { account: null });
}

/** Where an instance is that has its ports. */
export function placeOf({ ground, folders, record }: Instance): Place {
  const data = deploymentFolder(ground.folders, record.deployment);
  const { tree, work } = folders;
  const { name, ports } = record;
  return { name, tree, work, data, shared: ground.folders.shared, host: ground.host, ports };
}
