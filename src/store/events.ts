import { asc, eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { type EventRow, events } from './schema.ts';

export interface EventQueries {
  /** Records what happened, in a sentence for people. */
  add(event: { at: number; type: string; message: string; mergeRequestId?: number; deploymentId?: number }): void;
  ofDeployment(deploymentId: number): EventRow[];
}

export function eventQueries(db: Database): EventQueries {
  return {
    add(event) {
      db.insert(events).values(event).run();
    },
    ofDeployment: (deploymentId) =>
      db.select().from(events).where(eq(events.deploymentId, deploymentId)).orderBy(asc(events.id)).all(),
  };
}
