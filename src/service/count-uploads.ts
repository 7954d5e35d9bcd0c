import { ProblemError } from '../errors.ts';
import type { UploadOutcome } from '../metrics.ts';

/** Tells of each archive what became of it: taken, refused for what it is, or failed under way. */
export function countUploads<A extends unknown[], B extends { readonly archiveBytes: number }>(
  receive: (...args: A) => Promise<B>,
  tell: (outcome: UploadOutcome, bytes: number) => void,
): (...args: A) => Promise<B> {
  return async (...args) => {
    try {
      const bundle = await receive(...args);
      tell('taken', bundle.archiveBytes);
      return bundle;
    } catch (error) {
      tell(error instanceof ProblemError ? 'refused' : 'failed', 0);
      throw error;
    }
  };
}
