import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the service's side of the protocol does with one request. */
export type Answer =
  | {
      status?: number;
      text: string;
      headers?: Record<string, string>;
      /** Only for logs: the connection breaks after so many bytes of the text. */
      breakAfter?: number;
      /** The answer stays open after its text; called when it does. */
      hold?: () => void;
    }
  /** The connection is closed as soon as the request's headers are read, or the first bytes of its body. */
  | 'close';

export interface Received {
  route: string;
  /** What was sent, as a form where it is one. */
  form: URLSearchParams;
  body: Buffer;
  headers: IncomingMessage['headers'];
  from: number | null;
}

/**
 * The service's side of the CI protocol on a real port, answering what a test says: per route a list of answers, the last one for ever.
 */
export interface CiService {
  url: string;
  requests: Received[];
  /** Routes are `POST deploy`, `PUT source`, `GET log`, `GET outcome`, `POST stop`. */
  answer(route: string, ...answers: Answer[]): void;
  received(route: string): Received[];
  stop(): Promise<void>;
}

export async function startCiService(): Promise<CiService> {
  const requests: Received[] = [];
  const preview = 'http://mr-7-shop-abcd1234.localhost:8080';
  const answers = new Map<string, Answer[]>([
    ['POST deploy', [{ text: `url ${preview}\nsay Deploying commit 1234abcd of !7.\nupload yes\n` }]],
    ['PUT source', [{ text: `url ${preview}\nsay The code is there.\n` }]],
    ['GET log', [{ text: 'setup: npm ci\nstart: node server.js\nhealthy\n' }]],
    ['GET outcome', [{ text: `exit 0\nurl ${preview}\n` }]],
    ['POST stop', [{ text: 'say The deployment is being removed.\nexit 0\n' }]],
  ]);

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = `${request.method} ${url.pathname.replace('/api/ci/v1/', '')}`;
    const list = answers.get(route) ?? [{ status: 404, text: `no such route: ${route}\n` }];
    const answer = (list.length > 1 ? list.shift() : list[0]) as Answer;
    const from = url.searchParams.has('from') ? Number(url.searchParams.get('from')) : null;
    if (answer === 'close') {
      requests.push({ route, form: new URLSearchParams(), body: Buffer.alloc(0), headers: request.headers, from });
      request.once('data', () => request.socket.destroy());
      request.once('end', () => request.socket.destroy());
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    requests.push({ route, form: new URLSearchParams(body.toString()), body, headers: request.headers, from });
    send(response, answer, from ?? 0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (route, ...list) => void answers.set(route, list),
    received: (route) => requests.filter((request) => request.route === route),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, answer: Exclude<Answer, 'close'>, from: number): void {
  const bytes = Buffer.from(answer.text).subarray(from);
  response.writeHead(answer.status ?? 200, { 'content-type': 'text/plain; charset=utf-8', ...answer.headers });
  if (answer.hold) {
    response.write(bytes, answer.hold);
    return;
  }
  if (answer.breakAfter === undefined) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, answer.breakAfter - from), () => response.socket?.destroy());
}
