import { expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { CHROMIUM, openBrowser } from '../support/browser.ts';
import { HOST, startApp, startDoor } from './start-door.ts';

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
