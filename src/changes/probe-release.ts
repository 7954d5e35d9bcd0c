import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBE_FOLDER } from './snapshot.ts';

/** The program that reads definitions. */
export interface Probe {
  /** Absolute. */
  readonly folder: string;
  /** Another text where any of its code is another: what it has read then may not be compared with what this one reads. */
  readonly release: string;
}

/** The probe in this folder, the shipped one if none is told. @throws Error of the file system */
export function readProbe(folder: string = PROBE_FOLDER): Probe {
  const hash = createHash('sha256');
  const names = readdirSync(folder).filter((name) => name.endsWith('.py'));
  for (const name of names.sort()) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return { folder, release: hash.digest('hex').slice(0, 32) };
}
