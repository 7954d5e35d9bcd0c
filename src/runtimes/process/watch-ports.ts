import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { InstanceRecord } from './record.ts';

/** How soon a port is seen to be listened on: in a fiftieth of the time that it took, but for very short and very long times. */
const LOOK_PART = 0.02;
const LOOK_AT_LEAST_MS = 5;
const LOOK_AT_MOST_MS = 2_000;
/** A port of this machine that takes longer to accept is none that answers. */
const ACCEPT_MS = 1_000;

/**
 * Tells of each port, once, that something accepts connections there: a connection that is closed at once costs an app nothing, while a
 * question that fails costs both sides a millisecond or more. Resolves when all of them have been told of, or the signal fires.
 */
export async function watchPorts(
  ports: readonly number[],
  options: { readonly host: string; readonly signal: AbortSignal; onOpen(port: number): void },
): Promise<void> {
  const { host, signal, onOpen } = options;
  const began = performance.now();
  await Promise.all(
    ports.map(async (port) => {
      while (!signal.aborted) {
        if (await accepts(host, port)) return signal.aborted ? undefined : onOpen(port);
        await delay(lookMs(performance.now() - began), undefined, { signal, ref: false }).catch(() => {});
      }
    }),
  );
}

/** What an observation says of an instance's ports, by those of them that have accepted a connection. */
export function hearing(
  { port, ports }: Pick<InstanceRecord, 'port' | 'ports'>,
  listening: ReadonlySet<number>,
): { listens: boolean; silent: string[] } {
  const silent = Object.keys(ports).filter((name) => !listening.has(ports[name] as number));
  return { listens: listening.has(port as number), silent };
}

function lookMs(sinceMs: number): number {
  return Math.min(LOOK_AT_MOST_MS, Math.max(LOOK_AT_LEAST_MS, sinceMs * LOOK_PART));
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  socket.setTimeout(ACCEPT_MS, () => socket.destroy(new Error('it accepts nothing')));
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
