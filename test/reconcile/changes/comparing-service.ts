/** A service that compares what is due, in a process of its own that can be killed: `killed-comparison.test.ts` runs it. */
import { randomUUID } from 'node:crypto';
import { createLoop } from '../../../src/reconcile/loop.ts';
import { createProcessRuntime } from '../../../src/runtimes/process.ts';
import { composeComparison } from '../../../src/service/comparison.ts';
import { openStore } from '../../../src/store/store.ts';
import { comparison, storeIn } from './compared-world.ts';

/** What it is told, as JSON. */
export interface ServiceArguments {
  readonly folder: string;
  readonly gitlabUrl: string;
  readonly projectId: number;
  /** Looked through for programs before all others. */
  readonly programs: string;
}

const told = JSON.parse(process.argv[2] as string) as ServiceArguments;
const store = openStore(storeIn(told.folder));
const runtime = createProcessRuntime({
  dataDir: told.folder,
  user: null,
  passEnv: { PATH: `${told.programs}:${process.env.PATH ?? '/usr/bin:/bin'}` },
  stopGraceMs: 2_000,
});
const context = comparison({ ...told, store, runtime, read: (file) => `cat ${file}` });
const reconcilers = [await composeComparison(context)];
createLoop({ store, reconcilers, bootId: randomUUID(), log: context.log, now: Date.now }).start();
