import { ProblemError } from '../../errors.ts';

/** What a bundle may measure. `archiveBytes` is `BD_MAX_UPLOAD`; the others bound what it unpacks to. */
export interface BundleLimits {
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
  readonly entries: number;
}

const SHOWN_NAME = 160;

/** A name from an archive in quotes: invisible and control characters as escapes, long names cut in the middle. */
export function quoteName(name: string): string {
  const visible = name.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  const shown = [...visible];
  if (shown.length <= SHOWN_NAME) return `"${visible}"`;
  return `"${shown.slice(0, SHOWN_NAME / 2).join('')}…${shown.slice(-SHOWN_NAME / 2).join('')}"`;
}

/** An entry that must not be unpacked: its name, why, and what to change. */
export function refuseEntry(name: string, why: string, change: string): ProblemError {
  return new ProblemError('archive-entry-refused', 422, `The archive's entry ${quoteName(name)} ${why}. ${change}`);
}

/** An archive that cannot be read to its end. */
export function refuseDamaged(what: string, cause?: unknown): ProblemError {
  return new ProblemError(
    'archive-damaged',
    422,
    `The archive ${what}. Send one whole gzipped tar file, as "tar -czf" writes it, and look in the job log whether tar failed.`,
    { cause },
  );
}

/** More bytes or entries than the service takes. */
export function refuseTooLarge(what: string, limit: string): ProblemError {
  return new ProblemError(
    'archive-too-large',
    413,
    `The archive ${what}; the service takes at most ${limit} (its setting BD_MAX_UPLOAD). Leave files out with the component's inputs "context" and "exclude".`,
  );
}

/** The sender went away; nobody may be left to read this. 408 is a status that curl repeats by itself. */
export function uploadBrokeOff(cause?: unknown): ProblemError {
  return new ProblemError(
    'upload-incomplete',
    408,
    'The upload broke off before the archive was complete. Send it again.',
    { cause },
  );
}

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Errors of the file system in words for the job log; anything else comes back as it is. */
export function explainFileError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !FULL.has(error.code)) return error;
  return new ProblemError(
    'no-space-left',
    507,
    'The service has no space left to keep the archive and its files. Nothing is wrong with the app: try again when its operator has made room in BD_DATA_DIR.',
    { cause: error },
  );
}
