import { createContext, runInContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { Preview } from '../../src/deployment/preview.ts';
import { SCRIPT } from '../../src/front-door/pages/script.ts';
import { ask, startApp, startDoor, waitFor } from './start-door.ts';

type Waiting = Exclude<Preview, { state: 'serving' }>;

const waiting = (state: Waiting['state'], changes: Partial<Waiting> = {}): Waiting => ({
  state,
  name: 'mr-1-app-k7c2hq9x',
  title: 'data/platform !7',
  mergeRequestUrl: 'https://gitlab.test/data/platform/-/merge_requests/7',
  message: 'The app is being set up.',
  log: ['uv sync', 'Installed 41 packages'],
  ...changes,
});

const asBrowser = { headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };

it.each([
  ['starting', 503, '2'],
  ['failed', 503, undefined],
  ['stopped', 410, undefined],
] as const)('a preview that is %s is a page with %i that nobody may store', async (state, status, retryAfter) => {
  const door = await startDoor();
  door.show(waiting(state));
  const answer = await ask(door, '/any/path?x=1', asBrowser);
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-branch-deployment-state': state,
  });
  expect(answer.headers['retry-after']).toBe(retryAfter);
  expect(answer.body).toContain('<p class="which">data/platform !7</p>');
  expect(answer.body).toContain('The app is being set up.');
  expect(answer.body).toContain('href="https://gitlab.test/data/platform/-/merge_requests/7"');
  expect(answer.body).toContain('uv sync\nInstalled 41 packages');
  expect(answer.body).toContain('<noscript><meta http-equiv="refresh"');
});

it('programs get the same in a few lines of text', async () => {
  const door = await startDoor();
  door.show(waiting('starting'));
  const answer = await ask(door, '/', { headers: { Accept: 'application/json' } });
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(answer.body).toMatchInlineSnapshot(`
    "Starting: data/platform !7
    The app is being set up.
    Merge request: https://gitlab.test/data/platform/-/merge_requests/7

    Last lines of the log:
    uv sync
    Installed 41 packages
    "
  `);
});

it('nothing of a branch gets out of the text of the page', async () => {
  const door = await startDoor();
  const evil = '</pre></title><script>alert(1)</script><img src=x onerror=alert(1)>"\'';
  door.show(
    waiting('failed', {
      title: evil,
      message: evil,
      log: [evil, 'red \u001b[31m\u0000 text'],
      mergeRequestUrl: 'javascript:alert(1)',
    }),
  );
  const { body, headers } = await ask(door, '/', asBrowser);
  expect(body).not.toContain('<img');
  expect(body).not.toContain('javascript:');
  expect(body.match(/<script/g)).toHaveLength(1);
  expect(body).not.toContain('\u0000');
  expect(body).not.toContain('\u001b');
  const policy = headers['content-security-policy'];
  expect(policy).toMatch(
    /^default-src 'none'; style-src 'nonce-([A-Za-z0-9+/]{22}==)'; script-src 'nonce-\1'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  );
  const nonce = /'nonce-([^']+)'/.exec(String(policy))?.[1] ?? '';
  expect(body.split(`nonce="${nonce}"`)).toHaveLength(3);
  expect((await ask(door, '/', asBrowser)).headers['content-security-policy']).not.toBe(policy);
});

it('hosts that are no deployment are a page with 404 that waits for nothing', async () => {
  const door = await startDoor();
  door.show(waiting('starting'));
  for (const host of ['nobody.previews.test', 'a.mr-1-app-k7c2hq9x.previews.test']) {
    const answer = await ask(door, '/', { ...asBrowser, host });
    expect(answer).toMatchObject({ status: 404, headers: { 'cache-control': 'no-store' } });
    expect(answer.body).toContain('No such preview');
    expect(answer.body).not.toContain('<script');
    expect(answer.body).not.toContain('http-equiv');
  }
  expect((await ask(door, '/', { host: 'previews.test' })).body).toBe('service');
});

it('a page in answer to a form does not reload itself, HEAD has no body', async () => {
  const door = await startDoor();
  door.show(waiting('starting'));
  const posted = await ask(door, '/', { ...asBrowser, method: 'POST', body: 'a=1' });
  expect(posted.status).toBe(503);
  expect(posted.body).not.toContain('<script');
  expect(posted.body).not.toContain('http-equiv');
  expect(await ask(door, '/', { ...asBrowser, method: 'HEAD' })).toMatchObject({ status: 503, body: '' });
});

it('the waiting page asks without troubling the app, and is told once the app accepts connections', async () => {
  const door = await startDoor();
  const poll = () => ask(door, '/', { headers: { Accept: 'text/html', 'X-Branch-Deployment-Poll': '1' } });
  door.show(waiting('starting'));
  expect((await poll()).headers['x-branch-deployment-state']).toBe('starting');
  let requests = 0;
  const app = await startApp((_req, res) => {
    requests++;
    res.setHeader('X-Branch-Deployment-State', 'starting').end('app');
  });
  door.serve(app);
  expect(await poll()).toMatchObject({ status: 204, headers: { 'x-branch-deployment-state': 'serving' } });
  expect(requests).toBe(0);
  expect(door.traffic.lastRequestAt('a')).toBe(undefined);
  expect((await ask(door, '/')).headers['x-branch-deployment-state']).toBe(undefined);
  await app.stop();
  expect(await poll()).toMatchObject({ status: 502, headers: { 'x-branch-deployment-state': 'unreachable' } });
});

it('the script of the waiting page follows changes of state and log, sits out a restart of the service, and gives way to the app', async () => {
  const door = await startDoor();
  door.show(waiting('starting', { log: ['first line'] }));
  const page = openPage(door.port, await ask(door, '/', asBrowser));
  door.show(waiting('starting', { log: ['first line', 'second line'] }));
  await waitFor('the new line is shown', () => page.main().includes('second line'));
  page.answerWith(() => Promise.reject(new TypeError('fetch failed')));
  await waitFor('a poll fails', () => page.polls() > 3);
  page.answerWith(() => Promise.resolve(new Response('Bad Gateway', { status: 502 })));
  const before = page.polls();
  await waitFor('a proxy answers for the service', () => page.polls() > before + 2);
  expect(page.reloads()).toBe(0);
  page.answerWith(undefined);
  door.show(waiting('failed', { message: 'It never listened.' }));
  await waitFor('the failure is shown', () => page.main().includes('It never listened.'));
  expect(page.title()).toBe('Could not be started · data/platform !7');
  door.serve(await startApp((_req, res) => void res.end('app')));
  await waitFor('the page reloads', () => page.reloads() === 1);
  const polls = page.polls();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(page.polls()).toBe(polls);
});

/** Runs the script against the real front door, in a document that knows just what the script asks of it; its seconds are milliseconds. */
function openPage(port: number, first: { body: string }) {
  const mainOf = (body: string) => /<main[\s\S]*<\/main>/.exec(body)?.[0] ?? '';
  const titleOf = (body: string) => (/<title>(.*)<\/title>/.exec(body)?.[1] ?? '').replace('&#39;', "'");
  let shown = mainOf(first.body);
  let reloads = 0;
  let polls = 0;
  let instead: (() => Promise<Response>) | undefined;
  const element = (outerHTML: string) => ({
    outerHTML,
    dataset: { poll: /data-poll="(\d+)"/.exec(outerHTML)?.[1] },
    replaceWith: (next: { outerHTML: string }) => {
      shown = next.outerHTML;
    },
  });
  const document = {
    title: titleOf(first.body),
    querySelector: (selector: string) => (selector === 'main' ? element(shown) : null),
    adoptNode: (node: unknown) => node,
  };
  const context = createContext({
    document,
    AbortSignal,
    location: { href: '/', reload: () => void reloads++ },
    DOMParser: class {
      parseFromString(body: string) {
        return { title: titleOf(body), querySelector: () => element(mainOf(body)) };
      }
    },
    setTimeout: (act: () => void, ms: number) => void setTimeout(act, ms / 1000),
    fetch: async (_url: string, init: { headers: Record<string, string> }) => {
      polls++;
      if (instead) return instead();
      const { status, headers, body } = await ask({ port }, '/', { headers: init.headers });
      const state = headers['x-branch-deployment-state'];
      return new Response(status === 204 ? null : body, {
        status,
        headers: state === undefined ? {} : { 'x-branch-deployment-state': String(state) },
      });
    },
  });
  runInContext(SCRIPT, context);
  return {
    main: () => shown,
    title: () => document.title,
    reloads: () => reloads,
    polls: () => polls,
    answerWith: (answer: (() => Promise<Response>) | undefined) => {
      instead = answer;
    },
  };
}
