import type { PartHealth } from '../../deployment/launch.ts';
import type { Observation } from '../../runtimes/runtime.ts';
import type { RevisionRow } from '../../store/schema.ts';
import type { InstanceContext } from './context.ts';
import { maskParts, recordParts } from './record.ts';
import { maskFor } from './variables.ts';

/**
 * Looks whether optional parts of a serving instance have gone or come: the app serves all the same, and the note tells. It is asked only where
 * what is known and what the runtime says differ.
 */
export async function watchParts(
  context: InstanceContext,
  revision: RevisionRow,
  { endpoint, lost = [] }: Extract<Observation, { state: 'running' }>,
): Promise<void> {
  const mask = maskFor(context, revision);
  const reasons = new Map(lost.map(({ name, reason }) => [name, mask(reason)]));
  const absent = revision.parts.filter((part) => part.absent);
  const told = new Map(absent.map(({ name, message }) => [name, message]));
  const isTold = [...reasons].every(([name, reason]) => told.get(name) === reason);
  if (isTold && absent.every(({ name }) => reasons.has(name))) return;
  const health = await context.presetFor(revision.spec).health(revision.spec, endpoint, { lost });
  const seen = new Map(maskParts(health.parts ?? [], mask).map((part) => [part.name, part]));
  const parts = revision.parts.map((part): PartHealth => {
    const now = seen.get(part.name);
    return now && (reasons.has(part.name) || (part.absent && !now.absent)) ? now : part;
  });
  if (JSON.stringify(parts) !== JSON.stringify(revision.parts)) recordParts(context, revision, parts);
}
