import { request } from 'node:http';

export interface PreviewRequest {
  /** Default: the URL's. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: string;
}

export interface PreviewAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A request to a preview of a service on this machine; names under `localhost`, which browsers know, are looked up by hand. */
export function askPreview(url: string, asked: PreviewRequest = {}): Promise<PreviewAnswer> {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: target.port,
        path: asked.path ?? target.pathname,
        method: asked.method ?? 'GET',
        headers: { ...asked.headers, host: target.host },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(asked.body);
  });
}
