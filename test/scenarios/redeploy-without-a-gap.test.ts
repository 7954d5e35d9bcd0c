import { Agent, request } from 'node:http';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { until } from '../support/poll.ts';
import { nodeServer, startWorld, type World } from '../support/world.ts';

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('two redeploys under load lose no request, quick or slow, and leave no old process', async () => {
  const t = await startWorld({ branchPipelines: false });
  const mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('v1') });
  await t.settled();
  const url = t.previewUrl(mr.iid);
  const pids = [Number((await t.preview(url, { path: '/pid' })).body)];
  const load = startLoad(url, [0, 0, 5, 50, 400, 1_500]);
  for (const version of ['v2', 'v3']) {
    await t.push('feature', { 'server.mjs': nodeServer(version) });
    await t.settled();
    expect(await t.preview(url)).toMatchObject({ status: 200, body: version });
    pids.push(Number((await t.preview(url, { path: '/pid' })).body));
  }
  const answers = await load.stop();
  expect(answers.filter((answer) => !/^200 v[123]$/.test(answer))).toEqual([]);
  expect(answers.length).toBeGreaterThan(100);
  expect(new Set(answers)).toEqual(new Set(['200 v1', '200 v2', '200 v3']));
  expect(new Set(pids).size).toBe(3);
  await until('the old processes to be gone', () => pids.slice(0, 2).every((pid) => !isAlive(pid)));
  expect(t.instances()).toEqual([expect.stringMatching(/-r3$/)]);
});

it('a WebSocket goes through the front door both ways, and a redeploy ends it so that the page can come back', async () => {
  const t = await startWorld({ branchPipelines: false });
  const mr = await t.openMergeRequest('socket', { 'server.mjs': echoServer('one') });
  await t.settled();
  const url = t.previewUrl(mr.iid);
  const socket = await connect(t, url);
  expect(await ask(socket, 'hello')).toBe('one: hello');
  expect(await ask(socket, 'x'.repeat(100_000))).toBe(`one: ${'x'.repeat(100_000)}`);

  const closed = new Promise((resolve) => socket.once('close', resolve));
  await t.push('socket', { 'server.mjs': echoServer('two') });
  await t.settled();
  await closed;
  const again = await connect(t, url);
  expect(await ask(again, 'hello')).toBe('two: hello');
  again.terminate();
});

/** One loop for each delay, each on its own kept connection, until it is stopped; every answer or error in words. */
function startLoad(url: string, delays: readonly number[]): { stop(): Promise<string[]> } {
  const answers: string[] = [];
  let going = true;
  const loops = delays.map(async (delay, index) => {
    // Half of them keep their connection, as browsers do; the others make a new one for each request.
    const agent = new Agent({ keepAlive: index % 2 === 0, maxSockets: 1 });
    while (going) answers.push(await get(url, `/?delay=${delay}`, agent));
    agent.destroy();
  });
  return {
    async stop() {
      going = false;
      await Promise.all(loops);
      return answers;
    },
  };
}

function get(url: string, path: string, agent: Agent): Promise<string> {
  const { host, port } = new URL(url);
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port, path, agent, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', (error) => resolve(`error in the answer: ${error.message}`));
      response.on('end', () => resolve(`${response.statusCode} ${body}`));
    });
    outgoing.on('error', (error) => resolve(`error: ${error.message}`));
    outgoing.end();
  });
}

function connect(t: World, url: string): Promise<WebSocket> {
  const { host, port } = new URL(t.serviceUrl);
  expect(host).toContain(port);
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`, { headers: { host: new URL(url).host } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

function ask(socket: WebSocket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('message', (data) => resolve(String(data)));
    socket.once('error', reject);
    socket.send(text);
  });
}

/** An app that echoes WebSocket messages (RFC 6455), without any package: a preview's tree has no node_modules. */
function echoServer(name: string): string {
  return `import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
const server = createServer((req, res) => res.end('ok'));
server.on('upgrade', (req, socket) => {
  const accept = createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  let input = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    input = Buffer.concat([input, chunk]);
    for (let frame = read(input); frame; frame = read(input)) {
      input = input.subarray(frame.size);
      if (frame.opcode === 8) return socket.end();
      if (frame.opcode === 1) socket.write(write('${name}: ' + frame.text));
    }
  });
});
function read(data) {
  if (data.length < 2) return;
  let size = data[1] & 127, at = 2;
  if (size === 126) { if (data.length < 4) return; size = data.readUInt16BE(2); at = 4; }
  else if (size === 127) { if (data.length < 10) return; size = Number(data.readBigUInt64BE(2)); at = 10; }
  if (data.length < at + 4 + size) return;
  const mask = data.subarray(at, at + 4);
  const text = Buffer.from(data.subarray(at + 4, at + 4 + size)).map((byte, i) => byte ^ mask[i % 4]).toString();
  return { opcode: data[0] & 15, text, size: at + 4 + size };
}
function write(text) {
  const body = Buffer.from(text), head = Buffer.alloc(10);
  head[0] = 0x81; head[1] = 127; head.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([head, body]);
}
server.listen(process.env.PORT, process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;
}
