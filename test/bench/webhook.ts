import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LoadResult, runLoad } from './load.ts';
import { type Figure, median, percentile } from './report.ts';

const TOKEN = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const CONNECTIONS = 16;

/**
 * Accepted and durable webhooks a second, against a bare Hono handler that makes one insert of the same payload into SQLite with the same
 * settings. Each side is a process of its own; rounds are interleaved.
 */
export async function benchWebhook({ quick }: { readonly quick: boolean }): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bd-bench-'));
  const body = JSON.stringify(
    JSON.parse(readFileSync(new URL('../webhooks/fixtures/merge-request.json', import.meta.url), 'utf8')),
  );
  // Many short rounds: what else the machine does falls on both sides alike.
  const seconds = quick ? 1 : 2;
  const servers = await Promise.all([serve('bare', folder, body), serve('service', folder, body)]);
  const [bare, service] = servers as [Server, Server];
  try {
    const round = async (server: Server, { rate = 0, unmeasuredSeconds = 0 } = {}): Promise<LoadResult> => {
      const result = await runLoad({
        url: server.url,
        body,
        signingToken: TOKEN,
        connections: CONNECTIONS,
        seconds,
        unmeasuredSeconds,
        rate,
      });
      if (result.failures > 0) throw new Error(`${result.failures} requests failed`);
      return result;
    };
    if (!quick) for (const server of servers) await round(server);
    const pairs: Array<{ bare: number; service: number }> = [];
    for (let i = 0; i < (quick ? 1 : 11); i += 1)
      pairs.push({ bare: (await round(bare)).perSecond, service: (await round(service)).perSecond });
    const perSecond = median(pairs.map((pair) => pair.service));
    const half = await round(service, { rate: perSecond / 2, unmeasuredSeconds: 1 });
    return [
      { name: 'bare', value: median(pairs.map((pair) => pair.bare)), unit: '/s' },
      { name: 'service', value: perSecond, unit: '/s' },
      { name: 'ratio', value: median(pairs.map((pair) => pair.service / pair.bare)), unit: '', goal: { atLeast: 0.8 } },
      { name: 'p99-at-half-load', value: percentile(half.latenciesMs, 0.99), unit: 'ms', goal: { atMost: 20 } },
    ];
  } finally {
    for (const server of servers) server.child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Server {
  readonly url: string;
  readonly child: ChildProcess;
}

function serve(side: 'bare' | 'service', folder: string, body: string): Promise<Server> {
  const program = fileURLToPath(new URL('./webhook-server.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, side, folder, TOKEN, body], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the ${side} server ended with ${code}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      const url = /http:\S+/.exec(chunk.toString())?.[0];
      if (url) resolve({ url, child });
    });
  });
}
