import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ProblemError } from '../errors.ts';

/**
 * Refuses bodies of more than `maxBytes` with 413. Where the length is declared, that decides: Node's parser reads no more than it says,
 * and hono's own middleware would turn the request into a web stream first, which costs more than a whole webhook.
 *
 * @param tooLarge sentence for the caller
 */
export function limitBody(maxBytes: number, tooLarge: string): MiddlewareHandler {
  const refuse = (): never => {
    throw new ProblemError('too-large', 413, tooLarge);
  };
  const counted = bodyLimit({ maxSize: maxBytes, onError: refuse });
  return async function limitBody(c, next) {
    const declared = c.req.header('content-length');
    if (declared === undefined || c.req.header('transfer-encoding') !== undefined) return counted(c, next);
    return Number(declared) > maxBytes ? refuse() : next();
  };
}
