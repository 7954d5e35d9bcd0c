import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SHIPPED } from '../shipped-files.ts';

/** The program that reads definitions. */
export interface Probe {
  /** Its files in Python: text by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Another text where any of its code is another: what it has read then may not be compared with what this one reads. */
  readonly release: string;
}

/** The probe in this folder, the shipped one if none is told. @throws Error of the file system */
export function readProbe(folder: string = SHIPPED.probe): Probe {
  const names = readdirSync(folder).filter((name) => name.endsWith('.py'));
  const files = Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  return { files, release: createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 32) };
}
