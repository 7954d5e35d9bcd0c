import { GitLabError } from '../errors.ts';

/** Whether GitLab takes the service's token, as far as is known. */
export type TokenState = 'ok' | 'unreachable' | 'rejected';

/** How long an answer of GitLab's about our token is good for `readyz`. */
const REMEMBERED_MS = 30_000;

/** Asks GitLab about the token at most once in a while; concurrent callers share one question. @param now ms since the epoch */
export function createTokenState(
  gitlab: { currentUser(): Promise<unknown> },
  now: () => number,
): () => Promise<TokenState> {
  let last: { readonly at: number; readonly answer: Promise<TokenState> } | undefined;
  return () => {
    if (!last || now() - last.at > REMEMBERED_MS) last = { at: now(), answer: ask(gitlab) };
    return last.answer;
  };
}

async function ask(gitlab: { currentUser(): Promise<unknown> }): Promise<TokenState> {
  try {
    await gitlab.currentUser();
    return 'ok';
  } catch (error) {
    return error instanceof GitLabError && (error.failure === 'unauthorized' || error.failure === 'forbidden')
      ? 'rejected'
      : 'unreachable';
  }
}
