import { createGitLab, type GitLabOptions } from '../../src/gitlab/client.ts';

export const TOKEN = 'glpat-0123456789abcdefghij';

/** The client with waits that a test can bear. */
export function connect(url: string, options: Partial<GitLabOptions> = {}) {
  const { retry, ...rest } = options;
  return createGitLab({
    url,
    token: TOKEN,
    userAgent: 'branch-deployments/test',
    retry: { firstDelayMs: 10, ...retry },
    ...rest,
  });
}

/** What a call fails with; a call that does not fail fails the test. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    (value) => {
      throw new Error(`it did not fail but gave ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
