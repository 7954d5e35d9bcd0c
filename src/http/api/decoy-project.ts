import { createHash } from 'node:crypto';

/**
 * The project that is asked about for a name that nobody has, so that the answer takes as long as for one whose project the caller may not
 * see. The same name has the same one, and names are spread over all of them, as real ones are.
 */
export function decoyProject(name: string, projectIds: readonly number[]): number | undefined {
  if (projectIds.length === 0) return undefined;
  return projectIds[createHash('sha256').update(name).digest().readUInt32BE(0) % projectIds.length];
}
