import { once } from 'node:events';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Badges, badgesOf } from '../../../src/deployment/badges.ts';
import type { Changes } from '../../../src/deployment/changes.ts';
import { Traffic } from '../../../src/deployment/traffic.ts';
import { createFrontDoor } from '../../../src/front-door/front-door.ts';

const DOMAIN = 'previews.test';
const LABEL = 'mr-1-app-k7c2hq9x';

/** Times (ms) of one answer to the UI's question for all assets, through the front door, with badges to fill in and without. */
export async function openDoorBefore(options: { readonly changes: Changes; readonly bytes: number }): Promise<{
  time(how: 'filled' | 'as it is'): Promise<number>;
  close(): Promise<void>;
}> {
  const answer = workspaceAnswer(options.changes, options.bytes);
  const app = await listen((_, res) =>
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': answer.length }).end(answer),
  );
  const badges = badgesOf(options.changes, 'bench');
  let shown: Badges | undefined;
  const endpoint = { host: '127.0.0.1', port: portOf(app) };
  const door = createFrontDoor({
    ...{ previewDomain: DOMAIN, publicUrl: new URL(`http://${DOMAIN}`), traffic: new Traffic(), now: Date.now },
    find: () => ({ state: 'serving', name: LABEL, instance: 'a', endpoint, badges: () => shown }),
  });
  const front = await listen((req, res) => door.handle(req, res));
  return {
    async time(how) {
      shown = how === 'filled' ? badges : undefined;
      const began = performance.now();
      const body = await ask(portOf(front));
      const took = performance.now() - began;
      const isFilled = body.length !== answer.length;
      if (isFilled !== (how === 'filled')) throw new Error('the answer is not what was asked for');
      return took;
    },
    async close() {
      await door.close();
      for (const server of [app, front]) server.closeAllConnections();
    },
  };
}

/** Assets as the UI asks for them (AssetBaseNodeFragment), those that changed and others, up to this size. */
function workspaceAnswer({ assets }: Changes, bytes: number): Buffer {
  const changed = assets.map(({ key }) => key);
  const nodes: string[] = [];
  for (let at = 0, size = 0; size < bytes; at += 1) {
    const key = (at % 20 === 7 && changed.pop()) || `other_${at}`;
    const node = nodeText(key, at);
    nodes.push(node);
    size += node.length + 1;
  }
  return Buffer.from(
    `{"data":{"workspaceLocationEntryOrError":{"__typename":"WorkspaceLocationEntry","name":"project","versionKey":"v1","locationOrLoadError":{"repositories":[{"assetNodes":[${nodes.join(',')}]}]}}}}`,
  );
}

function nodeText(key: string, at: number): string {
  return JSON.stringify({
    ...{ id: `r.project.__repository__.${key}`, changedReasons: [], groupName: `group_${at % 40}`, opNames: [key] },
    ...{ isMaterializable: true, isObservable: false, isExecutable: true, isPartitioned: at % 4 === 0 },
    ...{ isAutoCreatedStub: false, hasAssetChecks: false, computeKind: null, hasMaterializePermission: true },
    ...{ hasWipePermission: true, hasReportRunlessAssetEventPermission: true },
    assetKey: { path: [key], __typename: 'AssetKey' },
    ...{ internalFreshnessPolicy: null, partitionDefinition: null, automationCondition: null, description: null },
    ...{ owners: [], tags: [{ key: 'team', value: 'red', __typename: 'DefinitionTag' }], jobNames: ['__ASSET_JOB'] },
    ...{ kinds: [], storageAddress: null, __typename: 'AssetNode', graphName: null },
    dependencyKeys: [1, 2, 3].map((step) => ({ path: [`asset_${at - step}`], __typename: 'AssetKey' })),
  });
}

async function ask(port: number): Promise<Buffer> {
  const message = request({
    ...{ host: '127.0.0.1', port, path: '/graphql', method: 'POST', agent: false },
    headers: { Host: `${LABEL}.${DOMAIN}`, 'Content-Type': 'application/json' },
  }).end('{}');
  const [response] = (await once(message, 'response')) as [AsyncIterable<Buffer>];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
