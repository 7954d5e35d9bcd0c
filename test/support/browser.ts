import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { until } from './poll.ts';

/** Chromium of this machine; undefined where there is none. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

export interface Page {
  /** The value of an expression of JavaScript in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>;
  /** Goes to another address, and waits until it is there. */
  open(url: string): Promise<void>;
}

/** One page in Chromium, by its DevTools protocol; ended with the test. Hosts under `previews.test` are this machine. */
export async function openBrowser(url: string): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), 'front-door-browser-'));
  const browser = spawn(
    CHROMIUM as string,
    [
      '--headless',
      '--window-size=1800,1400',
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
  const call = async (method: string, params: object): Promise<unknown> => {
    const id = ++last;
    const answered = new Promise<unknown>((resolve) => {
      tools.on('message', function listen(data) {
        const message = JSON.parse(String(data)) as { id?: number; result?: { result?: { value?: unknown } } };
        if (message.id !== id) return;
        tools.off('message', listen);
        resolve(message.result?.result?.value);
      });
    });
    tools.send(JSON.stringify({ id, method, params }));
    return answered;
  };
  const evaluate = (expression: string) => call('Runtime.evaluate', { expression });
  const holds = async (expression: string) =>
    void (await eventually(async () => (await evaluate(expression)) === true || undefined, expression));
  return {
    evaluate,
    until: holds,
    async open(address) {
      await evaluate('window.isLeft = true');
      await call('Page.navigate', { url: address });
      await holds('window.isLeft === undefined && document.body !== null');
    },
  };
}

/** Machines that run many tests are slow. */
function eventually<T>(attempt: () => Promise<T | undefined>, what = 'the browser'): Promise<T> {
  return until(what, () => attempt().catch(() => undefined), 90_000);
}

async function endBrowser(browser: ChildProcess, profile: string): Promise<void> {
  if (browser.exitCode === null) {
    const ended = once(browser, 'exit');
    browser.kill();
    await ended;
  }
  await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
