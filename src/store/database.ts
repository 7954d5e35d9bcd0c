import { fileURLToPath } from 'node:url';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { Database as SqliteFile } from './sqlite.ts';

export type Database = BetterSQLite3Database;

/** Beside `src` and beside `dist`. */
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url));

/**
 * Opens the service's SQLite file and brings it to the newest schema.
 *
 * WAL with `synchronous=NORMAL`: a killed process loses nothing; a power cut may lose the last transactions, and what they said is
 * read from GitLab again by the next sweep or sent again by the job (README, "Decisions").
 */
export function openDatabase(file: string): { readonly db: Database; close(): void } {
  const sqlite = new SqliteFile(file);
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = NORMAL');
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma('busy_timeout = 5000');
  // KiB; better-sqlite3's default is 16 MB. What is not in it is in the operating system's cache.
  sqlite.pragma('cache_size = -4096');
  const db = drizzle({ client: sqlite, casing: 'snake_case' });
  migrate(db, { migrationsFolder: MIGRATIONS });
  return { db, close: () => sqlite.close() };
}
