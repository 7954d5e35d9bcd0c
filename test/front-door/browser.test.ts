import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { HOST, startApp, startDoor } from './start-door.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

it.skipIf(CHROMIUM === undefined)(
  'in a browser the waiting page follows the log, turns into the app by itself, and its WebSocket comes back after a redeploy (needs Chromium)',
  async () => {
    const door = await startDoor();
    const waiting = {
      state: 'starting',
      name: 'x',
      title: 'data/platform !7',
      mergeRequestUrl: 'https://gitlab.test/7',
      message: 'The app is being set up.',
    } as const;
    door.show({ ...waiting, log: ['first line'] });
    const page = await openBrowser(`http://${HOST}:${door.port}/deep/path?x=1#part`);
    await page.until('document.querySelector("pre")?.textContent === "first line"');
    door.show({ ...waiting, log: ['first line', '<b>second line</b>'] });
    await page.until('document.querySelector("pre")?.textContent === "first line\\n<b>second line</b>"');
    expect(await page.evaluate('getComputedStyle(document.querySelector("main")).borderTopWidth')).toBe('1px');

    const startRevision = async (revision: string) => {
      const sockets = new WebSocketServer({ noServer: true });
      return startApp(
        (_req, res) =>
          void res.setHeader('Content-Type', 'text/html').end(`<h1>app</h1><script>
            const open = () => { const ws = new WebSocket(location.origin.replace('http', 'ws')); ws.onmessage = (m) => { document.title = m.data; }; ws.onclose = () => setTimeout(open, 50); };
            open();</script>`),
        (req, socket, head) => sockets.handleUpgrade(req, socket, head, (ws) => ws.send(revision)),
      );
    };
    door.serve(await startRevision('one'), 'r1');
    await page.until('document.querySelector("h1")?.textContent === "app" && document.title === "one"');
    expect(await page.evaluate('location.pathname + location.search + location.hash')).toBe('/deep/path?x=1#part');
    door.serve(await startRevision('two'), 'r2');
    door.door.closeWebSockets('r1');
    await page.until('document.title === "two"');
  },
);

interface Page {
  evaluate(expression: string): Promise<unknown>;
  until(expression: string): Promise<void>;
}

/** One page in Chromium, by its DevTools protocol. */
async function openBrowser(url: string): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), 'front-door-browser-'));
  const browser = spawn(
    CHROMIUM as string,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-proxy-server',
      `--user-data-dir=${profile}`,
      '--remote-debugging-port=0',
      '--host-resolver-rules=MAP *.previews.test 127.0.0.1',
      url,
    ],
    { stdio: 'ignore' },
  );
  onTestFinished(() => endBrowser(browser, profile));
  const port = await eventually(
    async () => (await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n')[0] || undefined,
  );
  const target = await eventually(async () => {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as Array<{
      type: string;
      webSocketDebuggerUrl: string;
    }>;
    return targets.find(({ type }) => type === 'page')?.webSocketDebuggerUrl;
  });
  const tools = new WebSocket(target);
  await once(tools, 'open');
  onTestFinished(() => tools.terminate());
  let last = 0;
  const evaluate = async (expression: string): Promise<unknown> => {
    const id = ++last;
    const answered = new Promise<unknown>((resolve) => {
      tools.on('message', function listen(data) {
        const message = JSON.parse(String(data)) as { id?: number; result?: { result?: { value?: unknown } } };
        if (message.id !== id) return;
        tools.off('message', listen);
        resolve(message.result?.result?.value);
      });
    });
    tools.send(JSON.stringify({ id, method: 'Runtime.evaluate', params: { expression } }));
    return answered;
  };
  return {
    evaluate,
    until: async (expression) =>
      void (await eventually(async () => (await evaluate(expression)) === true || undefined, expression)),
  };
}

/** Tries until something is there, at most 20 seconds. */
async function eventually<T>(attempt: () => Promise<T | undefined>, what = 'the browser'): Promise<T> {
  const until = Date.now() + 20_000;
  for (;;) {
    const result = await attempt().catch(() => undefined);
    if (result !== undefined) return result;
    if (Date.now() > until) throw new Error(`did not happen within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function endBrowser(browser: ChildProcess, profile: string): Promise<void> {
  if (browser.exitCode === null) {
    const ended = once(browser, 'exit');
    browser.kill();
    await ended;
  }
  await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
