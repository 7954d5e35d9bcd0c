import type { Account } from './account.ts';
import type { FinishingSetups } from './finishing-setups.ts';
import type { DataFolders } from './folders.ts';
import type { News } from './news.ts';
import type { PortPool } from './ports.ts';
import type { SpareSetups } from './spare-setups.ts';

/** What all instances of one process runtime stand on. */
export interface Ground {
  readonly folders: DataFolders;
  /** The user that instances run as; null where it is the service's own. */
  readonly account: Account | null;
  /** Variables of the service that every child gets too. */
  readonly passEnv: Readonly<Record<string, string>>;
  /** Address that instances listen on. */
  readonly host: string;
  /** How long processes may take to end after TERM. */
  readonly stopGraceMs: number;
  /** Size at which an instance's output is cut to its last half. */
  readonly outputLimitBytes: number;
  readonly ports: PortPool;
  readonly spares: SpareSetups;
  readonly finishing: FinishingSetups;
  readonly news: News;
  /** Takes a line about something odd, for the operator. */
  readonly say: (line: string) => void;
}
