import type { RevisionLogs } from '../store/revision-logs.ts';

const CHUNK_BYTES = 64 * 1024;
/** A log without news is looked at this often all the same. */
const LOOK_AGAIN_MS = 2_000;

/** What goes with every answer that is a log. nginx would hold the lines back otherwise (X-Accel-Buffering); an app's output is no web page. */
export const LOG_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

/**
 * The log of a revision as bytes, from byte `from` until nothing more is to come. A connection that breaks is resumed by asking from the
 * byte where it stopped.
 *
 * @param options.ended whether what is there now is all
 * @param options.signal ends it: whoever reads has gone
 */
export function followLog(
  logs: RevisionLogs,
  revisionId: number,
  options: { readonly from: number; readonly signal: AbortSignal; ended(): boolean },
): ReadableStream<Uint8Array> {
  let offset = options.from;
  let left = false;
  return new ReadableStream({
    async pull(controller) {
      while (!options.signal.aborted && !left) {
        // Asked before reading: what is written between the two is then found by the next pull, and never lost.
        const news = options.ended() ? undefined : logs.changed(revisionId, LOOK_AGAIN_MS);
        const chunk = await logs.read(revisionId, offset, CHUNK_BYTES);
        if (chunk.length > 0) {
          offset += chunk.length;
          controller.enqueue(chunk);
          // The end is told with the last bytes: whoever waits for it need not wait for a look that finds nothing.
          if (news !== undefined || chunk.length === CHUNK_BYTES) return;
        }
        if (news === undefined) break;
        await news;
      }
      if (!left) controller.close();
    },
    cancel() {
      left = true;
    },
  });
}
