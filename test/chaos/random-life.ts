import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../support/world.ts';
import type { Jobs } from './deploy-job.ts';
import { type Act, Life } from './life.ts';

/** How likely people do what; an act that is there twice is twice as likely. */
const ACTS: readonly Act[] = [
  'push',
  'push',
  'push',
  'retry job',
  'close',
  'reopen',
  'reopen',
  'wait for jobs',
  'wait for jobs',
  'broken push',
  'delete note',
  '/undeploy',
  '/deploy',
  'stop environment',
];

/** One whole life, from the first push to a merge, a close, or for some to being left open. */
export async function liveOnce(
  world: World,
  jobs: Jobs,
  options: { readonly branch: string; readonly chance: () => number; readonly acts: number; readonly pauseMs: number },
): Promise<Life> {
  const { chance, acts, pauseMs } = options;
  const life = new Life(world, jobs, options.branch);
  await life.do('push');
  for (let done = 0; done < acts; ) {
    const act = ACTS[Math.floor(chance() * ACTS.length)] as Act;
    if (!life.can(act)) continue;
    await sleep(chance() * pauseMs);
    await life.do(act);
    done += 1;
  }
  const end: Act | undefined = (['merge', 'merge', 'close', undefined] as const)[Math.floor(chance() * 4)];
  if (end === 'merge' && life.can('reopen')) await life.do('reopen');
  if (end !== undefined && life.can(end)) await life.do(end);
  return life;
}
