import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** How long one side of a WebSocket may stay open after the other ended. */
const HALF_CLOSED_MS = 10_000;
/** Finds peers that vanished without a word. */
const KEEP_ALIVE_MS = 30_000;

/** The open WebSockets by instance, and those on their way to be. */
export class WebSockets {
  private readonly byInstance = new Map<string, Set<() => void>>();

  /** Remembers how to end one; the returned function forgets it. */
  add(instance: string, end: () => void): () => void {
    const ends = this.byInstance.get(instance) ?? new Set();
    this.byInstance.set(instance, ends.add(end));
    return () => {
      ends.delete(end);
      if (ends.size === 0 && this.byInstance.get(instance) === ends) this.byInstance.delete(instance);
    };
  }

  /** Ends all of one instance. */
  end(instance: string): void {
    for (const end of [...(this.byInstance.get(instance) ?? [])]) end();
  }

  /** Ends all of them. */
  endAll(): void {
    for (const instance of [...this.byInstance.keys()]) this.end(instance);
  }
}

/** Joins two sockets: bytes with back-pressure, the end of either side, and the loss of either. */
export function joinSockets(client: Duplex, upstream: Socket): void {
  let timer: NodeJS.Timeout | undefined;
  const destroyBoth = () => {
    clearTimeout(timer);
    client.destroy();
    upstream.destroy();
  };
  for (const side of [client, upstream]) {
    if ('setKeepAlive' in side) (side as Socket).setTimeout(0).setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    side.on('error', destroyBoth);
    side.once('close', destroyBoth);
    side.once('end', () => {
      timer ??= setTimeout(destroyBoth, HALF_CLOSED_MS).unref();
    });
  }
  client.pipe(upstream).pipe(client);
}
