import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { knowSecret, recordOutput } from './output.ts';

const SECRET_SETTINGS = [
  'BD_GITLAB_TOKEN',
  'BD_WEBHOOK_SECRET',
  'BD_WEBHOOK_TOKEN',
  'BD_OAUTH_CLIENT_SECRET',
  'BD_SECRET_KEY',
];
/** A database of a test is far smaller. */
const MOST_OF_FILE = 16 * 1024 * 1024;

/** The secrets among a service's settings; several in one while rotating. */
export function knowSecretSettings(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of SECRET_SETTINGS)
    for (const value of (env[name] ?? '').split(',')) {
      const secret = value.trim().replace(/^whsec_/, '');
      if (secret !== '') knowSecret(name, secret);
    }
}

/** What a service wrote down: its database and the logs of revisions. */
export function recordDataDir(dataDir: string): void {
  for (const folder of [dataDir, join(dataDir, 'logs')]) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stats = statSync(path);
      if (stats.isFile() && stats.size <= MOST_OF_FILE) recordOutput(`file ${name}`, readFileSync(path, 'latin1'));
    }
  }
}
