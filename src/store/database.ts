import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { SHIPPED } from '../shipped-files.ts';
import { Database as SqliteFile } from './sqlite.ts';

export type Database = BetterSQLite3Database;

/**
 * Pages of the write-ahead log (64 MB) at which a commit moves it into the file. SQLite's own 1,000 are a few hundred webhooks, and each
 * move waits for the disk twice while the service answers nobody.
 */
const LONGEST_LOG_PAGES = 16_000;
/** A power cut may lose what was written since, so a service that writes little does it by the clock. */
const CHECKPOINT_EVERY_MS = 10_000;

/**
 * Opens a SQLite file as the service does.
 *
 * WAL with `synchronous=NORMAL`: a killed process loses nothing; a power cut may lose the last transactions, and what they said is
 * read from GitLab again by the next sweep or sent again by the job (README, "Decisions").
 */
export function openSqlite(file: string): SqliteConnection {
  const sqlite = new SqliteFile(file);
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = NORMAL');
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma('busy_timeout = 5000');
  // KiB; better-sqlite3's default is 16 MB. What is not in it is in the operating system's cache.
  sqlite.pragma('cache_size = -4096');
  sqlite.pragma(`wal_autocheckpoint = ${LONGEST_LOG_PAGES}`);
  return sqlite;
}

export type SqliteConnection = InstanceType<typeof SqliteFile>;

/**
 * Opens the service's SQLite file and brings it to the newest schema.
 * @param options.checkpointEveryMs how often the write-ahead log is moved into the file; 10 s
 */
export function openDatabase(
  file: string,
  { checkpointEveryMs = CHECKPOINT_EVERY_MS }: { readonly checkpointEveryMs?: number } = {},
): { readonly db: Database; readonly sqlite: SqliteConnection; close(): void } {
  const sqlite = openSqlite(file);
  const db = drizzle({ client: sqlite, casing: 'snake_case' });
  migrate(db, { migrationsFolder: SHIPPED.migrations });
  const timer = setInterval(() => moveLog(sqlite), checkpointEveryMs).unref();
  return {
    db,
    sqlite,
    close() {
      clearInterval(timer);
      sqlite.close();
    },
  };
}

function moveLog(sqlite: SqliteConnection): void {
  try {
    sqlite.pragma('wal_checkpoint(PASSIVE)');
  } catch {
    // A full disk: nothing is lost, and whoever writes next is told.
  }
}
