import { type Column, type GetColumnData, Param, Placeholder, type Query } from 'drizzle-orm';
import type { SqliteConnection } from './database.ts';

/** A query of drizzle's that has not run. */
interface Built {
  toSQL(): Query;
}

/** For its placeholders: text and numbers, which SQLite takes as they are. */
type Given = Readonly<Record<string, string | number>>;

/**
 * Prepares a write that drizzle has built as a statement of SQLite's, for what each webhook does: drizzle puts the values of its own prepared
 * queries together anew for each run, which takes more than a microsecond.
 *
 * @returns runs it and returns how many rows it changed
 */
export function prepareWrite<Values extends Given>(sqlite: SqliteConnection, query: Built): (values: Values) => number {
  const { sql, params } = query.toSQL();
  const statement = sqlite.prepare(sql);
  const bind = binder(params);
  return (values) => statement.run(...bind(values)).changes;
}

/**
 * Prepares a read of one row in the same way.
 * @param columns what is selected
 */
export function prepareRead<Columns extends Readonly<Record<string, Column>>>(
  sqlite: SqliteConnection,
  columns: Columns,
  select: (columns: Columns) => Built,
): (values: Given) => { [Name in keyof Columns]: GetColumnData<Columns[Name]> } | undefined {
  const { sql, params } = select(columns).toSQL();
  const statement = sqlite.prepare(sql).raw();
  const bind = binder(params);
  const fields = Object.entries(columns).map(([name, column], index) => ({ name, column, index }));
  return (values) => {
    const cells = statement.get(...bind(values)) as unknown[] | undefined;
    if (!cells) return undefined;
    const row: Record<string, unknown> = {};
    for (const { name, column, index } of fields) {
      const cell = cells[index];
      row[name] = cell === null ? null : column.mapFromDriverValue(cell);
    }
    return row as ReturnType<ReturnType<typeof prepareRead<Columns>>>;
  };
}

function binder(params: readonly unknown[]): (values: Given) => unknown[] {
  const places = params.map((param) => {
    const value = param instanceof Param ? param.value : param;
    return value instanceof Placeholder ? { name: value.name as string } : { fixed: value };
  });
  return (values) => places.map((place) => (place.name === undefined ? place.fixed : values[place.name]));
}
