import * as z from 'zod';
import { GitLabError } from '../errors.ts';

/**
 * Reads an answer of GitLab's by its schema; keys that the schema does not name are ignored.
 * @throws GitLabError `invalid`, which names the fields that are not as GitLab documents them.
 */
export function readAnswer<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.map(String).join('.') || 'the whole'}: ${issue.message}`);
  throw new GitLabError(
    'invalid',
    `GitLab's answer about ${what} is not what its API documents (${faults.join('; ')})`,
  );
}

/** Reads all pages of a list, each item by its schema. */
export async function readList<T>(item: z.ZodType<T>, pages: Promise<unknown>, what: string): Promise<T[]> {
  const found = await pages.catch((error: unknown) => {
    if (error instanceof GitLabError) throw error;
    // gitbeaker spreads each page unseen: one that is no list is a TypeError.
    throw new GitLabError('invalid', `GitLab's answer about ${what} is not what its API documents (a page is no list)`);
  });
  return readAnswer(z.array(item), found, what);
}

/** Null where GitLab's API itself said 404. */
export async function nullWhereMissing<T>(answer: Promise<T>): Promise<T | null> {
  return answer.catch((error: unknown) => {
    if (error instanceof GitLabError && error.failure === 'not-found') return null;
    throw error;
  });
}

/** A user, as GitLab nests it. */
export const person = z.object({ id: z.number(), username: z.string(), name: z.string() });
