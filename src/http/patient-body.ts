import type { HonoRequest } from 'hono';
import { ProblemError } from '../errors.ts';

/** Bodies of at most this size are not counted: all that GitLab sends but for a push of very many commits. */
const SMALL_BYTES = 256 * 1024;

export interface BodyLimits {
  /** How long a whole body may take. */
  readonly withinMs: number;
  /** Taken where no length is declared; whoever sends more is refused elsewhere. */
  readonly mostBytes: number;
  /** What all larger bodies that are on their way may take together. */
  readonly togetherBytes: number;
}

/**
 * Reads bodies whose sender has proved nothing yet: none holds its memory for long, and large ones share a budget.
 * @returns a reader that throws a ProblemError, 408 for a body that takes too long, 503 where the budget is used up
 */
export function createBodyReader(limits: BodyLimits): (request: HonoRequest) => Promise<Buffer> {
  let held = 0;
  return async function readBody(request) {
    const declared = Number(request.header('content-length') ?? limits.mostBytes);
    const size = declared <= SMALL_BYTES ? 0 : declared;
    if (held + size > limits.togetherBytes)
      throw new ProblemError('busy', 503, 'Too many large requests are on their way already: send it again later.');
    held += size;
    try {
      return Buffer.from(await orTooSlow(request.arrayBuffer(), limits.withinMs));
    } finally {
      held -= size;
    }
  };
}

async function orTooSlow<T>(body: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // Made only when it is needed: an error's stack costs more than reading a body.
    const fault = () => new ProblemError('too-slow', 408, `The request did not end within ${withinMs / 1000} s.`);
    timer = setTimeout(() => reject(fault()), withinMs);
  });
  try {
    return await Promise.race([body, late]);
  } finally {
    clearTimeout(timer);
  }
}
