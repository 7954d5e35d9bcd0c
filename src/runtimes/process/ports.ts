import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below Linux's range for outgoing connections (32768 and up) and Kubernetes' node ports (30000 and up): between the choice
// and the moment when the app listens, minutes of setup may pass, and an outgoing connection must not take the port.
const FIRST = 20_000;
const LAST = 29_999;

/** Ports of this machine that are handed to instances: none twice. */
export class PortPool {
  private readonly taken = new Map<number, string>();

  /** A free port for each name; held for `owner` until it is released. */
  async take(owner: string, names: readonly string[], options: { host: string }): Promise<Record<string, number>> {
    const ports: Record<string, number> = {};
    for (const name of names) ports[name] = await this.takeOne(owner, options.host);
    return ports;
  }

  /** Holds ports that an adopted instance has. */
  hold(owner: string, ports: readonly number[]): void {
    for (const port of ports) this.taken.set(port, owner);
  }

  /** Gives back all ports of `owner`. */
  release(owner: string): void {
    for (const [port, holder] of this.taken) if (holder === owner) this.taken.delete(port);
  }

  private async takeOne(owner: string, host: string): Promise<number> {
    for (let tries = 0; tries < 200; tries += 1) {
      const port = randomInt(FIRST, LAST + 1);
      if (this.taken.has(port)) continue;
      this.taken.set(port, owner);
      if (await isFree(port, host)) return port;
      this.taken.delete(port);
    }
    throw new Error(`no free port between ${FIRST} and ${LAST} on ${host}`);
  }
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
