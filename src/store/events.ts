import { asc, eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { type EventRow, events } from './schema.ts';

export interface EventQueries {
  /** Records what happened, in a sentence for people. */
  add(event: {
    at: number;
    type: string;
    message: string;
    mergeRequestId?: number;
    deploymentId?: number;
    revisionId?: number;
  }): void;
  ofDeployment(deploymentId: number): EventRow[];
  /** Tells of what was added and not told yet; before the store closes. */
  tell(): void;
}

/** @param onAdded told of each event once its transaction has ended, unless that was rolled back */
export function eventQueries(db: Database, onAdded: (event: EventRow) => void): EventQueries {
  let added: number[] = [];
  function tell(): void {
    // SQLite gives the id of an insert that was rolled back to the next one.
    const ids = new Set(added);
    added = [];
    try {
      for (const id of ids) {
        const event = db.select().from(events).where(eq(events.id, id)).get();
        if (event) onAdded(event);
      }
    } catch {
      // A database that cannot be read ends nothing here: whoever needs it says so.
    }
  }
  return {
    tell,
    add(event) {
      const { lastInsertRowid } = db.insert(events).values(event).run();
      // Transactions are synchronous: this runs when the one around it has ended, and before anything that it made due.
      if (added.push(Number(lastInsertRowid)) === 1) queueMicrotask(tell);
    },
    ofDeployment: (deploymentId) =>
      db.select().from(events).where(eq(events.deploymentId, deploymentId)).orderBy(asc(events.id)).all(),
  };
}
