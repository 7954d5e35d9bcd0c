import { createBatch } from './batch.ts';
import { type ChangeQueries, changeQueries } from './changes.ts';
import { type CommentQueries, commentQueries } from './comments.ts';
import { type CountQueries, countQueries } from './counts.ts';
import { openDatabase } from './database.ts';
import { type DeliveryQueries, deliveryQueries } from './deliveries.ts';
import { type DeploymentQueries, deploymentQueries } from './deployments.ts';
import { type EventQueries, eventQueries } from './events.ts';
import { type HistoryQueries, historyQueries } from './history.ts';
import { type JobQueries, jobQueries } from './jobs.ts';
import { type MergeRequestQueries, mergeRequestQueries } from './merge-requests.ts';
import { type PlaceQueries, placeQueries } from './places.ts';
import { type ReadingQueries, readingQueries } from './reading.ts';
import { type RevisionQueries, revisionQueries } from './revisions.ts';
import type { EventRow } from './schema.ts';
import { type WorkQueries, workQueries } from './work.ts';

/** All that the service remembers, one member for each aggregate. */
export interface Store {
  readonly mergeRequests: MergeRequestQueries;
  readonly deployments: DeploymentQueries;
  readonly revisions: RevisionQueries;
  readonly places: PlaceQueries;
  readonly changes: ChangeQueries;
  readonly jobs: JobQueries;
  readonly work: WorkQueries;
  readonly events: EventQueries;
  readonly deliveries: DeliveryQueries;
  readonly comments: CommentQueries;
  readonly history: HistoryQueries;
  readonly reading: ReadingQueries;
  readonly counts: CountQueries;
  /** All or nothing. Synchronous: nothing outside the database can be part of it. */
  transaction<T>(act: () => T): T;
  /** As `transaction`, together with all else that arrives in this turn of the event loop; answers after the commit. */
  batched<T>(act: () => T): Promise<T>;
  /** Throws where the database cannot be written. */
  checkWritable(): void;
  /** Whom to tell that work is due (at a time in ms). */
  onDue(listener: (dueAt: number) => void): void;
  /** Whom to tell of each event, once it is there to stay. */
  onEvent(listener: (event: EventRow) => void): void;
  close(): void;
}

/**
 * Opens the store.
 * @param file path of the SQLite file; made where it is missing, migrated where it is older
 * @param options as in `openDatabase`
 */
export function openStore(file: string, options?: Parameters<typeof openDatabase>[1]): Store {
  const { db, sqlite, close } = openDatabase(file, options);
  // One for all acts: drizzle's own makes a new one each time.
  const { immediate } = sqlite.transaction((act: () => unknown) => act());
  const deliveries = deliveryQueries(db, sqlite);
  const transaction = <T>(act: () => T): T => deliveries.around(() => immediate(act) as T);
  let listener: (dueAt: number) => void = () => {};
  let hearEvent: (event: EventRow) => void = () => {};
  const events = eventQueries(db, (event) => hearEvent(event));
  return {
    mergeRequests: mergeRequestQueries(db, sqlite),
    deployments: deploymentQueries(db),
    revisions: revisionQueries(db),
    places: placeQueries(db),
    changes: changeQueries(db),
    jobs: jobQueries(db),
    work: workQueries(db, sqlite, (dueAt) => listener(dueAt)),
    events,
    deliveries,
    comments: commentQueries(db),
    history: historyQueries(db),
    reading: readingQueries(db),
    counts: countQueries(db),
    // All queries share one connection, so whatever runs inside is part of the transaction.
    transaction,
    batched: createBatch(transaction),
    // Changes the file's header, which nothing reads, and so writes a page.
    checkWritable: () => void sqlite.pragma(`user_version = ${Math.floor(Date.now() / 1000)}`),
    onDue: (next) => {
      listener = next;
    },
    onEvent: (next) => {
      hearEvent = next;
    },
    close() {
      events.tell();
      close();
    },
  };
}
