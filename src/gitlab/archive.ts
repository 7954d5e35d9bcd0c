import { fetchWithin, type RequestReport, reportOf } from './exchange.ts';
import { type Answer, answerError, noAnswerError, notArchiveError } from './failures.ts';
import type { GitLab } from './gitlab.ts';
import { retryAfterMs } from './retry-policy.ts';

/** The whole download: half a gigabyte over a slow line, and git packs it while it is sent. */
const LONGEST_MS = 10 * 60_000;
/** Of an answer that is no archive: enough to say what it is. */
const LONGEST_REFUSAL_BYTES = 64 * 1024;

/**
 * Files of a commit (doc/api/repositories.md, "Get file archive"): a stream, which gitbeaker has not. It is not repeated here, for GitLab
 * limits archives more than anything else; whoever asks comes back later.
 */
export function createArchives(options: {
  /** Base URL without a slash at the end. */
  readonly host: string;
  readonly token: string;
  readonly userAgent: string;
  readonly now: () => number;
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
}): Pick<GitLab, 'archive'> {
  const { token, now, onRequest } = options;
  return {
    async *archive(projectId, sha, { signal } = {}) {
      const path = `projects/${projectId}/repository/archive.tar.gz`;
      const url = new URL(`${options.host}/api/v4/${path}`);
      url.searchParams.set('sha', sha);
      const limit = AbortSignal.timeout(LONGEST_MS);
      const request = new Request(url, {
        headers: { 'private-token': token, accept: '*/*', 'user-agent': options.userAgent },
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      const failed = { what: `GET ${path}`, token, method: 'GET' };
      const report = reportOf(request, onRequest);
      try {
        const response = await fetchWithin(request);
        report(response);
        if (!response.ok) {
          const asked = retryAfterMs(response.headers, now());
          throw answerError(await readAnswer(response), { ...failed, retryAfterMs: asked });
        }
        if (/html|json/.test(response.headers.get('content-type') ?? ''))
          throw notArchiveError(await readAnswer(response), failed);
        for await (const chunk of response.body ?? []) yield chunk;
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof Error && error.name === 'GitLabError') throw error;
        report(error);
        throw noAnswerError(error, failed);
      }
    },
  };
}

/** What it says instead of an archive, as far as anybody reads it. */
async function readAnswer(response: Response): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LONGEST_REFUSAL_BYTES) break;
  }
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    text: Buffer.concat(chunks).toString(),
    location: response.headers.get('location'),
  };
}
