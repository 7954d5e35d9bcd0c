import { ServerResponse } from 'node:http';
import { afterAll, expect } from 'vitest';
import { beginOutput, recordOutput, writeOutput } from './output.ts';

/**
 * Runs before each test file: keeps what its process answers over HTTP (the service's doors and previews, the pages of the
 * stand-in GitLab, which show notes, links and job traces) and what it prints.
 */

const SHOWN = 60;
/** Enough of any text; an archive or a load of zeros need not be kept. */
const MOST_OF_ANSWER = 4 * 1024 * 1024;
const answers = new WeakMap<ServerResponse, { text: string[]; length: number }>();

beginOutput(expect.getState().testPath?.replace(/^.*\/test\//, 'test/') ?? 'a test');
afterAll(() => writeOutput());

if (!('collected' in ServerResponse.prototype)) {
  Object.defineProperty(ServerResponse.prototype, 'collected', { value: true });
  collectAnswers(ServerResponse.prototype);
  collectPrinted();
}

function collectAnswers(prototype: ServerResponse): void {
  const { write, end, writeHead } = prototype as unknown as Record<string, (...given: unknown[]) => unknown>;
  const wrap = (name: string, original: unknown, note: (response: ServerResponse, given: unknown[]) => void) =>
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: ServerResponse, ...given: unknown[]) {
        note(this, given);
        return (original as (...given: unknown[]) => unknown).apply(this, given);
      },
    });
  wrap('writeHead', writeHead, (response, given) => keep(response, `${JSON.stringify(given)}\n`));
  wrap('write', write, (response, [chunk]) => keepChunk(response, chunk));
  wrap('end', end, (response, [chunk]) => {
    keepChunk(response, chunk);
    response.once('close', () => {
      const kept = answers.get(response);
      answers.delete(response);
      const path = response.req.url?.split('?')[0] ?? '';
      // What GitLab says is not the service's output; what it was told is recorded where it takes it.
      if (path.includes('/api/v4/')) return;
      recordOutput(`answer to ${response.req.method} ${path.slice(0, SHOWN)}`, kept?.text.join('') ?? '');
    });
  });
}

function keepChunk(response: ServerResponse, chunk: unknown): void {
  if (typeof chunk === 'string') keep(response, chunk);
  else if (chunk instanceof Uint8Array)
    keep(response, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1'));
}

function keep(response: ServerResponse, text: string): void {
  const kept = answers.get(response) ?? { text: [], length: 0 };
  answers.set(response, kept);
  if (kept.length > MOST_OF_ANSWER) return;
  kept.text.push(text);
  kept.length += text.length;
}

function collectPrinted(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as (...given: unknown[]) => boolean;
    stream.write = ((...given: unknown[]) => {
      recordOutput('printed', typeof given[0] === 'string' ? given[0] : Buffer.from(given[0] as Uint8Array).toString());
      return write(...given);
    }) as typeof stream.write;
  }
}
