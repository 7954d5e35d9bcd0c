import { ProblemError } from '../../errors.ts';

/** A runner that is lost without closing its connection sends nothing for ever. */
const SILENCE_MS = 120_000;

/**
 * The same body, which breaks off when nothing comes for two minutes.
 * @throws {ProblemError} 408, which the job takes for a reason to try again
 */
export async function* withoutStalls(
  body: AsyncIterable<Uint8Array>,
  silenceMs = SILENCE_MS,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orSilence(chunks.next(), silenceMs);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Not waited for: a body that has stalled does not end either.
    void chunks.return?.().catch(() => undefined);
  }
}

async function orSilence<T>(next: Promise<T>, silenceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const fault = new ProblemError(
      'upload-stalled',
      408,
      'Nothing more came of the upload for a while: it was broken off.',
    );
    timer = setTimeout(() => reject(fault), silenceMs);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}
