import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../errors.ts';
import { createDeadlines, type Deadline } from './deadlines.ts';

/** Bodies of at most this size are not counted: all that GitLab sends but for a push of very many commits. */
const SMALL_BYTES = 256 * 1024;

export interface BodyLimits {
  /** How long a whole body may take. */
  readonly withinMs: number;
  readonly mostBytes: number;
  /** Sentence for whoever sends more. */
  readonly tooLarge: string;
  /** What all larger bodies that are on their way may take together. */
  readonly togetherBytes: number;
}

/** A body on its way. */
interface Arriving {
  chunks: Buffer[];
  bytes: number;
  /** Of what all larger bodies may take together. */
  readonly share: number;
  readonly deadline: Deadline;
  readonly reject: (problem: ProblemError) => void;
  ended: boolean;
}

/**
 * Reads bodies whose sender has proved nothing yet: none holds its memory for long, and large ones share a budget. It reads Node's request:
 * hono's copies the body, and hands it through more promises and listeners.
 *
 * @returns a reader, to be called in the turn in which the request comes. It rejects with a ProblemError: 413 for a body that is too large,
 *   408 for one that takes too long, 503 where the budget is used up, 400 for one that breaks off
 */
export function createBodyReader(limits: BodyLimits): (incoming: IncomingMessage) => Promise<Buffer> {
  const { withinMs, mostBytes, togetherBytes } = limits;
  const deadlines = createDeadlines(withinMs);
  let held = 0;

  /** False where it has ended before, in whichever way. */
  function end(body: Arriving): boolean {
    if (body.ended) return false;
    body.ended = true;
    held -= body.share;
    deadlines.end(body.deadline);
    return true;
  }

  function giveUp(body: Arriving, type: string, status: number, message: string): void {
    if (!end(body)) return;
    // What still comes until the connection is closed is thrown away, too.
    body.chunks = [];
    body.reject(new ProblemError(type, status, message));
  }

  return (incoming) =>
    new Promise((resolve, reject) => {
      const declared = incoming.headers['content-length'];
      const size = declared === undefined ? mostBytes : Number(declared);
      if (size > mostBytes) return reject(new ProblemError('too-large', 413, limits.tooLarge));
      const share = size <= SMALL_BYTES ? 0 : size;
      if (held + share > togetherBytes)
        return reject(
          new ProblemError('busy', 503, 'Too many large requests are on their way already: send it again later.'),
        );
      held += share;
      const deadline = deadlines.begin(() =>
        giveUp(body, 'too-slow', 408, `The request did not end within ${withinMs / 1000} s.`),
      );
      const body: Arriving = { chunks: [], bytes: 0, share, deadline, ended: false, reject };
      incoming.on('data', (chunk: Buffer) => {
        if (body.ended) return;
        body.chunks.push(chunk);
        body.bytes += chunk.length;
        if (body.bytes > mostBytes) giveUp(body, 'too-large', 413, limits.tooLarge);
      });
      incoming.on('end', () => {
        const { chunks } = body;
        if (end(body)) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      });
      incoming.on('close', () =>
        giveUp(body, 'broken-off', 400, 'The connection ended before the whole request had come.'),
      );
    });
}
