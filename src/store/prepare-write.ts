import { Param, Placeholder, type Query } from 'drizzle-orm';
import type { SqliteConnection } from './database.ts';

/** A query of drizzle's that has not run. */
interface Built {
  toSQL(): Query;
}

/**
 * Prepares a write that drizzle has built as a statement of SQLite's, for what each webhook does: drizzle puts the values of its own prepared
 * queries together anew for each run, which takes more than a microsecond.
 *
 * @param query its placeholders stand for text and numbers, which SQLite takes as they are
 * @returns runs it and returns how many rows it changed
 */
export function prepareWrite<Values extends Readonly<Record<string, string | number>>>(
  sqlite: SqliteConnection,
  query: Built,
): (values: Values) => number {
  const { sql, params } = query.toSQL();
  const statement = sqlite.prepare(sql);
  const places = params.map((param) => {
    const value = param instanceof Param ? param.value : param;
    return value instanceof Placeholder ? { name: value.name as string } : { fixed: value };
  });
  return (values) =>
    statement.run(...places.map((place) => (place.name === undefined ? place.fixed : values[place.name]))).changes;
}
