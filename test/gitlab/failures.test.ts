import { describe, expect, test } from 'vitest';
import { GitLabError } from '../../src/errors.ts';
import { connect, failureOf, TOKEN } from './connect.ts';
import { ada, startScripted, wireNote } from './scripted-gitlab.ts';

const ADVICE =
  "This does not come from GitLab's API: BD_GITLAB_URL must be the base URL of GitLab, with no sign-in page or other proxy answering before it";

describe('a token that GitLab rejects', () => {
  test('is named with what to change', async () => {
    const server = await startScripted(() => ({ status: 401, json: { message: '401 Unauthorized' } }));
    expect(await failureOf(connect(server.url).currentUser())).toMatchObject({
      failure: 'unauthorized',
      status: 401,
      message:
        'GitLab answered 401 to GET user: 401 Unauthorized. The token is wrong, expired or revoked: give BD_GITLAB_TOKEN a valid token of the bot user with the scope "api"',
    });
  });

  test('is not asked with again for half a minute, then is', async () => {
    let now = 1_000_000;
    const server = await startScripted((_, tries) => (tries < 2 ? { status: 401, json: {} } : { json: ada }));
    const gitlab = connect(server.url, { now: () => now });
    await failureOf(gitlab.currentUser());
    now += 29_000;
    expect(await failureOf(gitlab.notes(1, 2))).toMatchObject({
      failure: 'unauthorized',
      status: 401,
      retryAfterMs: 1_000,
    });
    expect(server.received).toHaveLength(1);
    now += 1_000;
    expect(await gitlab.currentUser()).toEqual(ada);
  });

  test('that lacks the scope is told apart', async () => {
    const json = {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges',
      scope: 'api',
    };
    const server = await startScripted(() => ({ status: 403, json }));
    expect(await failureOf(connect(server.url).project(7))).toMatchObject({
      failure: 'forbidden',
      message:
        'GitLab answered 403 to GET projects/7: insufficient_scope: The request requires higher privileges. BD_GITLAB_TOKEN needs the scope "api", and its user at least the role Developer in the project',
    });
  });
});

describe('what is not an answer of GitLab', () => {
  test('a web page with 200 is a fault of the address', async () => {
    const server = await startScripted(() => ({ text: '<!DOCTYPE html><title>Sign in</title>' }));
    expect(await failureOf(connect(server.url).mergeRequest(1, 2))).toMatchObject({
      failure: 'invalid',
      message: `GitLab answered a web page to GET projects/1/merge_requests/2. ${ADVICE}`,
    });
  });

  test('broken JSON with 200 is a fault of the address', async () => {
    const server = await startScripted(() => ({ text: '{"id": 5,', headers: { 'content-type': 'application/json' } }));
    expect(await failureOf(connect(server.url).currentUser())).toMatchObject({
      failure: 'invalid',
      message: `GitLab answered something that is not JSON to GET user. ${ADVICE}`,
    });
  });

  test("a proxy's 404 page never makes a merge request look gone", async () => {
    const server = await startScripted(() => ({ status: 404, text: '<html>no such site</html>' }));
    expect(await failureOf(connect(server.url).mergeRequest(1, 2))).toMatchObject({ failure: 'invalid', status: 404 });
  });

  test('an empty 404 never makes a merge request look gone', async () => {
    const server = await startScripted(() => ({ status: 404, text: '' }));
    expect(await failureOf(connect(server.url).mergeRequest(1, 2))).toMatchObject({ failure: 'invalid', status: 404 });
  });

  test('JSON of another shape is named by its fields', async () => {
    const server = await startScripted(() => ({ json: { id: 'x', username: 'ada' } }));
    expect(await failureOf(connect(server.url).currentUser())).toMatchObject({
      failure: 'invalid',
      message: expect.stringMatching(
        /^GitLab's answer about the user of the token is not what its API documents \(id: .*; name: .*\)$/,
      ),
    });
  });

  test('a page that is no list is a fault, not a crash', async () => {
    const server = await startScripted(({ url }) =>
      url.includes('page=2')
        ? { json: { message: 'hm' } }
        : { json: [wireNote(1)], headers: { link: '<http://x/?page=2&per_page=100>; rel="next"' } },
    );
    expect(await failureOf(connect(server.url).notes(1, 2))).toMatchObject({ failure: 'invalid' });
  });
});

describe('the token', () => {
  test('is in no message, even where the answer echoes it', async () => {
    const server = await startScripted(() => ({ status: 400, json: { message: `${'x'.repeat(290)}${TOKEN} is bad` } }));
    const error = (await failureOf(connect(server.url).currentUser())) as GitLabError;
    expect(error).toBeInstanceOf(GitLabError);
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(
      TOKEN.slice(0, 12),
    );
  });

  test('goes to no other host than GitLab', async () => {
    const other = await startScripted(() => ({ json: ada }));
    const server = await startScripted(() => ({ status: 302, headers: { location: `${other.url}/api/v4/user` } }));
    expect(await failureOf(connect(server.url).currentUser())).toMatchObject({
      failure: 'invalid',
      message: `GitLab answered 302 to GET user: a redirect to ${other.url}, which is not followed with the token. Set BD_GITLAB_URL to the address that GitLab is served at`,
    });
    expect(other.received).toEqual([]);
  });

  test('cannot hide in the base URL', () => {
    expect(() => connect('https://user:secret@gitlab.example.com')).toThrow(
      'BD_GITLAB_URL must carry neither a user name nor a password',
    );
  });
});

test('long answers are quoted short and on one line', async () => {
  const server = await startScripted(() => ({
    status: 400,
    json: { message: { external_url: [`is\ntoo long ${'a'.repeat(9_000)}`] } },
  }));
  const { message } = (await failureOf(connect(server.url).setEnvironmentUrl(1, 3, 'https://x'))) as Error;
  expect(message).toMatch(
    /^GitLab answered 400 to PUT projects\/1\/environments\/3: \{"external_url":\["is\\ntoo long a+…$/,
  );
  expect(message.length).toBeLessThan(400);
});
