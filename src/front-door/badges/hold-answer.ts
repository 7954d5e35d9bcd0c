import type { IncomingMessage } from 'node:http';
import type { Badges } from '../../deployment/badges.ts';
import { type Coding, codingOf } from './codings.ts';
import { fillBadges } from './fill-badges.ts';

/** A larger answer passes without badges: a workspace of 10,000 assets is about 10 MB. */
export const LARGEST_ANSWER = 16 * 1024 * 1024;
/** What all answers that are being held may take together. */
const LARGEST_TOTAL = 4 * LARGEST_ANSWER;

/** Whether an answer may carry fields for badges: JSON that came to a question to Dagster's GraphQL endpoint, of a size and coding that can be read. */
export function mayCarryBadges(req: IncomingMessage, answer: IncomingMessage): boolean {
  const { headers } = answer;
  return (
    (req.method === 'POST' || req.method === 'GET') &&
    /^[^?]*\/graphql(\?|$)/.test(req.url ?? '') &&
    answer.statusCode === 200 &&
    /^application\/(json|graphql-response\+json)\s*(;|$)/i.test(headers['content-type'] ?? '') &&
    codingOf(headers['content-encoding']) !== undefined &&
    headers.trailer === undefined &&
    headers['content-range'] === undefined &&
    !(Number(headers['content-length'] ?? 0) > LARGEST_ANSWER)
  );
}

/** What is to be sent of an answer that was held. */
export interface Held {
  readonly body: Buffer;
  /** Otherwise the rest is still to come from the answer, which is paused. */
  readonly isWhole: boolean;
  /** It is not what the instance sent. */
  readonly isFilled: boolean;
}

/** Holds answers until they are whole, to fill their badges; all that are held together have a limit. */
export class HeldAnswers {
  private total = 0;

  /** @param done not called where the answer breaks off */
  hold(answer: IncomingMessage, badges: Badges, done: (held: Held) => void): void {
    const chunks: Buffer[] = [];
    let size = 0;
    const release = () => {
      this.total -= size;
      size = 0;
    };
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      this.total += chunk.length;
      if (size <= LARGEST_ANSWER && this.total <= LARGEST_TOTAL) return;
      answer.off('data', take).off('end', ended).pause();
      release();
      done({ body: Buffer.concat(chunks), isWhole: false, isFilled: false });
    };
    const ended = () => {
      if (!answer.complete) return;
      const body = Buffer.concat(chunks);
      fillCoded(body, codingOf(answer.headers['content-encoding']) as Coding, badges)
        // Not of the coding that it says: the client shall see it as it came.
        .catch(() => undefined)
        .then((filled) => done({ body: filled ?? body, isWhole: true, isFilled: filled !== undefined }));
    };
    answer.on('data', take).once('end', ended).once('close', release);
  }
}

async function fillCoded(body: Buffer, coding: Coding, badges: Badges): Promise<Buffer | undefined> {
  const filled = fillBadges(await coding.decode(body, LARGEST_ANSWER), badges);
  return filled && coding.encode(filled);
}
