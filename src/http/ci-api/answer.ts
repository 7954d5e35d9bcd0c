import type { ExitCode } from '../../deployment/outcome.ts';

/**
 * The answers of `/api/ci/v1`: lines of `key value`, so that a POSIX shell reads them with sed. Errors are text for people.
 *
 *   url <preview url>   say <line for the job log>   upload yes   exit <code>
 */
export interface CiAnswer {
  readonly url?: string;
  readonly say?: readonly string[];
  readonly upload?: boolean;
  readonly exit?: ExitCode | undefined;
}

/** Renders an answer; line breaks inside values would be read as keys, so they become spaces. */
export function renderAnswer(answer: CiAnswer): string {
  const lines = [
    ...(answer.url === undefined ? [] : [`url ${answer.url}`]),
    ...(answer.say ?? []).map((line) => `say ${line.replace(/[\r\n]+/g, ' ')}`),
    ...(answer.upload ? ['upload yes'] : []),
    ...(answer.exit === undefined ? [] : [`exit ${answer.exit}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
