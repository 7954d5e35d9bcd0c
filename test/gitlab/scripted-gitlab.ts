import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What to answer: JSON, or the bare response to do worse things with. */
export type Script = (
  request: Received,
  tries: number,
) =>
  | { status?: number; json?: unknown; text?: string; headers?: Record<string, string> }
  | ((r: ServerResponse) => void);

/** A real server on loopback that does what the test says and remembers what it got; gone when the test is over. */
export async function startScripted(script: Script): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const got = { method, url, headers, body: Buffer.concat(chunks).toString() };
    received.push(got);
    const answer = script(got, received.length);
    if (typeof answer === 'function') return answer(response);
    const text = answer.text ?? JSON.stringify(answer.json ?? {});
    const contentType = answer.text === undefined ? 'application/json' : 'text/html';
    response.writeHead(answer.status ?? 200, { 'content-type': contentType, ...answer.headers }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** An address that nothing listens on. */
export async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

export const ada = { id: 5, username: 'ada', name: 'Ada' };

export const wireNote = (id: number, body = `note ${id}`) => ({
  id,
  body,
  author: ada,
  system: false,
  internal: false,
  created_at: '2026-01-01T00:00:00.000Z',
});
