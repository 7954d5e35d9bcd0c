import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where everything lies below `BD_DATA_DIR`. */
export interface DataDir {
  readonly root: string;
  readonly database: string;
  readonly lock: string;
  readonly bundles: string;
  readonly logs: string;
  /** Files of commits that branches are compared with, for a while. */
  readonly bases: string;
}

/**
 * Makes the data folder, private to the service.
 *
 * Where branches run as another user, that user's group may pass through (0710), and sees no name in it.
 */
export function makeDataDir(root: string, options: { readonly group: number | null }): DataDir {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  if (options.group === null) chmodSync(root, 0o700);
  else {
    chownSync(root, process.getuid?.() ?? 0, options.group);
    chmodSync(root, 0o710);
  }
  return {
    root,
    database: join(root, 'service.sqlite'),
    lock: join(root, 'service.lock'),
    bundles: join(root, 'bundles'),
    logs: join(root, 'logs'),
    bases: join(root, 'bases'),
  };
}
