import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';

/**
 * SQLite, in the release that fits this Node. better-sqlite3 12 ends the process on Node 24.19 and up, when a statement is collected
 * (Node's ObjectWrap removes a hook without an environment); 13 is built on Node-API 10, which Node 20 lacks.
 */
export const SQLITE_PACKAGE = Number(process.versions.napi) >= 10 ? 'better-sqlite3-napi' : 'better-sqlite3';

/** Opens a database file: the constructor of better-sqlite3. */
export const Database = loadSqlite();

function loadSqlite(): typeof Sqlite {
  try {
    return createRequire(import.meta.url)(SQLITE_PACKAGE) as typeof Sqlite;
  } catch (error) {
    // Packages that another Node has installed.
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(
      `Node ${process.version} needs the package ${SQLITE_PACKAGE}, which is not installed. Install the packages again, with this Node: npm ci`,
      { cause: error },
    );
  }
}
