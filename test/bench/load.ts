import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';

/**
 * A load of webhooks on loopback, sent by a process of its own so that it does not share the service's event loop.
 * Every delivery has an id, a time and a signature of its own, as GitLab's have.
 */
export interface LoadOptions {
  readonly url: string;
  readonly body: string;
  readonly signingToken: string;
  readonly connections: number;
  readonly seconds: number;
  /** Seconds before those, of which nothing is counted: in its first second the load compiles itself, and its own delays would be the longest. */
  readonly unmeasuredSeconds?: number;
  /** Requests a second; 0: as many as are answered. */
  readonly rate: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly failures: number;
  readonly latenciesMs: readonly number[];
}

export function runLoad(options: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(import.meta.url), JSON.stringify(options)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve(JSON.parse(output) as LoadResult) : reject(new Error(`the load ended with ${code}`)),
    );
  });
}

async function generate(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const key = Buffer.from(options.signingToken.replace(/^whsec_/, ''), 'base64');
  const latenciesMs: number[] = [];
  let failures = 0;
  const startedAt = performance.now();
  const measuredFrom = startedAt + (options.unmeasuredSeconds ?? 0) * 1000;

  function send(): Promise<void> {
    const id = randomUUID();
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${options.body}`).digest('base64');
    const began = performance.now();
    return new Promise((done) => {
      const end = (failed: boolean) => {
        if (began >= measuredFrom) latenciesMs.push(performance.now() - began);
        if (failed) failures += 1;
        done();
      };
      const outgoing = request(
        options.url,
        { method: 'POST', agent, headers: headersOf(id, timestamp, signature, options.body) },
        (response) => {
          response.resume();
          response.on('end', () => end(response.statusCode !== 200));
        },
      );
      outgoing.on('error', () => end(true));
      outgoing.end(options.body);
    });
  }

  const endAt = measuredFrom + options.seconds * 1000;
  const worker = async (index: number) => {
    const everyMs = options.rate > 0 ? (options.connections / options.rate) * 1000 : 0;
    let dueAt = startedAt + (everyMs * index) / options.connections;
    while (performance.now() < endAt) {
      if (everyMs > 0) {
        const waitMs = dueAt - performance.now();
        if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs));
        dueAt += everyMs;
      }
      await send();
    }
  };
  await Promise.all(Array.from({ length: options.connections }, (_, index) => worker(index)));
  const seconds = (performance.now() - measuredFrom) / 1000;
  agent.destroy();
  return { perSecond: latenciesMs.length / seconds, failures, latenciesMs };
}

function headersOf(id: string, timestamp: number, signature: string, body: string): Record<string, string | number> {
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'GitLab/19.1.0',
    'x-gitlab-event': 'Merge Request Hook',
    'x-gitlab-event-uuid': id,
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(JSON.stringify(await generate(JSON.parse(process.argv[2] ?? '{}') as LoadOptions)));
}
