import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDefinitions } from '../../src/changes/compare.ts';
import type { LocationDefinitions } from '../../src/changes/definitions.ts';
import { type Badges, badgesOf } from '../../src/deployment/badges.ts';
import { fillBadges } from '../../src/front-door/badges/fill-badges.ts';
import { LARGEST_ANSWER } from '../../src/front-door/badges/hold-answer.ts';
import { asset, location } from '../changes/definitions.ts';
import { ask, askBytes, type Door, HOST, LABEL, openWire, startApp, startDoor } from './start-door.ts';

/** What a branch changes: an edit, a new asset, one that is gone, one that moved from a location to another. */
const BADGES = badgesOf(
  compareDefinitions(
    [
      location('etl', [
        asset('raw'),
        asset('shop/orders', { codeVersion: '1' }),
        asset('gone'),
        asset('moved'),
        asset('same'),
      ]),
      location('etl.night', [asset('raw')]),
    ],
    [
      location('etl', [
        asset('raw', { source: 'another', tags: { team: 'red' } }),
        asset('shop/orders', { codeVersion: '2', source: 'another' }),
        asset('fresh'),
        asset('same', { group: 'other' }),
      ]),
      location('etl.night', [asset('raw'), asset('moved')]),
    ],
  ),
  'r7',
);

/** A node as the UI asks for it (AssetBaseNodeFragment): its id, the empty reasons, and only then its key. */
const node = (id: string, ...path: string[]) =>
  `{"id":"${id}","changedReasons":[],"groupName":"default","assetKey":{"path":${JSON.stringify(path)},"__typename":"AssetKey"},"dependencyKeys":[{"path":["raw"]}]}`;

const WORKSPACE = `{"data":{"workspaceLocationEntryOrError":{"name":"etl","versionKey":"v1","locationOrLoadError":{"repositories":[{"assetNodes":[${[
  node('r.etl.__repository__.raw', 'raw'),
  node('r.etl.__repository__.shop/orders', 'shop', 'orders'),
  node('r.etl.__repository__.fresh', 'fresh'),
  node('r.etl.__repository__.same', 'same'),
].join(',')}]}]}}}}`;

const FILLED = WORKSPACE.replace('"v1"', '"v1.r7"')
  .replace(
    '"r.etl.__repository__.raw","changedReasons":[]',
    '"r.etl.__repository__.raw","changedReasons":["CODE_VERSION","TAGS"]',
  )
  .replace('orders","changedReasons":[]', 'orders","changedReasons":["CODE_VERSION"]')
  .replace('fresh","changedReasons":[]', 'fresh","changedReasons":["NEW"]');

/** A door before a Dagster that answers so. */
async function doorBefore(
  answer: (req: IncomingMessage, res: ServerResponse) => void,
  badges: () => Badges | undefined = () => BADGES,
): Promise<Door> {
  const app = await startApp(answer);
  const door = await startDoor();
  door.show({ state: 'serving', name: LABEL, instance: 'a', endpoint: app.endpoint, badges });
  return door;
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const sends =
  (body: string | Buffer, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, res: ServerResponse) =>
    void res.writeHead(200, { ...JSON_TYPE, ...headers }).end(body);
const question = { method: 'POST', headers: JSON_TYPE, body: '{"query":"…"}' };

describe("badges in Dagster's own UI", () => {
  it('fill what an answer says of the assets that changed, and leave all else as it is', async () => {
    const door = await doorBefore(
      sends(WORKSPACE, { 'Content-Length': `${Buffer.byteLength(WORKSPACE)}`, ETag: '"1"' }),
    );

    const { status, headers, body } = await ask(door, '/graphql?op=LocationWorkspaceAssetsQuery', question);

    expect({ status, body }).toEqual({ status: 200, body: FILLED });
    expect(headers).toMatchObject({
      'content-length': `${Buffer.byteLength(FILLED)}`,
      'content-type': 'application/json',
    });
    expect(headers.etag).toBeUndefined();
  });

  it.each([
    ['gzip', gzipSync, gunzipSync],
    ['deflate', deflateSync, inflateSync],
    ['br', brotliCompressSync, brotliDecompressSync],
    ['identity', Buffer.from, Buffer.from],
  ])('are filled in %s', async (coding, encode, decode) => {
    const door = await doorBefore(sends(encode(Buffer.from(WORKSPACE)), { 'Content-Encoding': coding }));

    const { headers, body } = await askBytes(door, '/graphql', question);

    expect(headers['content-encoding']).toBe(coding);
    expect(decode(body).toString()).toBe(FILLED);
  });

  it('are filled in an answer that comes in pieces, cut anywhere', async () => {
    const text = WORKSPACE.replace('"default"', '"größer"');
    const bytes = Buffer.from(text);
    const door = await doorBefore((_, res) => {
      res.writeHead(200, JSON_TYPE);
      for (let at = 0; at < bytes.length; at += 7) res.write(bytes.subarray(at, at + 7));
      res.end();
    });

    expect((await ask(door, '/graphql', question)).body).toBe(FILLED.replace('"default"', '"größer"'));
  });

  it('are told apart by location, where an answer is of one', () => {
    const filled = (id: string, ...path: string[]) =>
      JSON.parse(`${fillBadges(Buffer.from(node(id, ...path)), BADGES) ?? node(id, ...path)}`).changedReasons;

    expect(filled('r.etl.night.__repository__.raw', 'raw')).toEqual([]);
    expect(filled('r.etl.night.__repository__.moved', 'moved')).toEqual(['NEW']);
    expect(filled('r.etl.__repository__.moved', 'moved')).toEqual([]);
    expect(filled('r.other.__repository__.raw', 'raw')).toEqual([]);
    // A location without changes whose name begins as that of one with changes.
    expect(filled('r.etl.core.__repository__.raw', 'raw')).toEqual([]);
    // Of all locations together: what any of them changes.
    expect(filled('w.raw', 'raw')).toEqual(['CODE_VERSION', 'TAGS']);
    expect(filled('w.moved', 'moved')).toEqual(['NEW']);
    expect(filled('w.gone', 'gone')).toEqual([]);
  });

  it('are found by id where no key was asked for, in several answers at once, under whatever name', () => {
    const batch =
      '[{"data":{"a":{"id":"w.shop/orders","changedReasons":[ ]}}},{"data":{"b":[{"changedReasons":[],"id":"w.none"}]}}]';

    expect(`${fillBadges(Buffer.from(batch), BADGES)}`).toBe(batch.replace('[ ]', '["CODE_VERSION"]'));
  });

  it('are told apart where two keys are shown as one', () => {
    const [before, after] = ['1', '2'].map((codeVersion) => [
      location('etl', [asset('x/y'), asset(String.raw`x\/y`, { codeVersion })]),
    ]) as [LocationDefinitions[], LocationDefinitions[]];
    const badges = badgesOf(compareDefinitions(before, after), 'r7');
    const filled = (id: string, ...path: string[]) =>
      JSON.parse(`${fillBadges(Buffer.from(node(id, ...path)), badges) ?? node(id, ...path)}`).changedReasons;

    expect(filled('w.of-both', 'x', 'y')).toEqual([]);
    expect(filled('w.of-both', 'x/y')).toEqual(['CODE_VERSION']);
    // As Dagster makes the id (`get_unique_asset_id`), where the key was not asked for.
    const byId = String.raw`{"id":"w.x\\/y","changedReasons":[]}`;
    expect(`${fillBadges(Buffer.from(byId), badges)}`).toBe(byId.replace('[]', '["CODE_VERSION"]'));
  });

  it('wait for the changes: the page that is open then asks anew, as the version of the location is another one', async () => {
    let known: Badges | undefined;
    const door = await doorBefore(sends('{"data":{"entries":[{"name":"etl","versionKey":"v1"}]}}'), () => known);
    const version = async () => JSON.parse((await ask(door, '/graphql', question)).body).data.entries[0].versionKey;

    expect(await version()).toBe('v1');
    known = BADGES;
    expect(await version()).toBe('v1.r7');
    known = badgesOf({ assets: [], downstream: [], named: [] }, 'r8');
    expect(await version()).toBe('v1.r8');
  });

  it.each([
    ['to another path', '/api/graphql-docs', question, 200, JSON_TYPE],
    ['that is no JSON by its type', '/graphql', question, 200, { 'Content-Type': 'text/html' }],
    ['that is an error', '/graphql', question, 500, JSON_TYPE],
    ['in a coding that is not known', '/graphql', question, 200, { ...JSON_TYPE, 'Content-Encoding': 'zstd' }],
    ['that is not of the coding that it says', '/graphql', question, 200, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }],
    ['that is a part', '/graphql', question, 200, { ...JSON_TYPE, 'Content-Range': 'bytes 0-9/10' }],
  ])('leave an answer alone %s', async (_, path, how, status, headers) => {
    const door = await doorBefore((_, res) => void res.writeHead(status, { ETag: '"1"', ...headers }).end(WORKSPACE));

    expect(await ask(door, path, how)).toMatchObject({ status, body: WORKSPACE, headers: { etag: '"1"' } });
  });

  it.each([
    ['broken', `${WORKSPACE}]`],
    ['not ended', WORKSPACE.slice(0, -1)],
    ['nested without end', `{"changedReasons":${'['.repeat(100_000)}`],
    ['empty', ''],
  ])('leave JSON alone that is %s', async (_, text) => {
    const door = await doorBefore(sends(text));

    expect((await ask(door, '/graphql', question)).body).toBe(text);
  });

  it('leave a HEAD request and a preview without changes alone', async () => {
    const door = await doorBefore(sends(WORKSPACE, { 'Content-Length': `${Buffer.byteLength(WORKSPACE)}` }));
    const without = await startDoor();
    without.serve(await startApp(sends(WORKSPACE)));

    expect((await ask(door, '/graphql', { method: 'HEAD' })).headers['content-length']).toBe(
      `${Buffer.byteLength(WORKSPACE)}`,
    );
    expect((await ask(without, '/graphql', question)).body).toBe(WORKSPACE);
  });

  it('leave an answer alone that is too large, said or not, and one that unpacks to that', {
    timeout: 60_000,
  }, async () => {
    const large = Buffer.concat([Buffer.from(WORKSPACE), Buffer.alloc(LARGEST_ANSWER, ' ')]);
    const said = await doorBefore(sends(large, { 'Content-Length': `${large.length}` }));
    const unsaid = await doorBefore(sends(large, { 'Transfer-Encoding': 'chunked' }));
    const packed = gzipSync(large);
    const bomb = await doorBefore(sends(packed, { 'Content-Encoding': 'gzip' }));

    for (const [door, sent] of [
      [said, large],
      [unsaid, large],
      [bomb, packed],
    ] as const)
      expect((await askBytes(door, '/graphql', question)).body.equals(sent)).toBe(true);
    // Nothing of these is counted as held any more.
    const small = { state: 'serving', name: LABEL, instance: 'a', badges: () => BADGES } as const;
    unsaid.show({ ...small, endpoint: (await startApp(sends(WORKSPACE))).endpoint });
    expect((await ask(unsaid, '/graphql', question)).body).toBe(FILLED);
  });

  it('of an answer that breaks off make none that looks whole', async () => {
    const door = await doorBefore((_, res) => {
      res
        .writeHead(200, { ...JSON_TYPE, 'Content-Length': '1000' })
        .write(WORKSPACE.slice(0, 100), () => res.destroy());
    });

    const wire = openWire(door.port, `POST /graphql HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 0\r\n\r\n`);

    expect((await wire.ended()).text).toBe('');
  });

  it('are not missed when they cannot be read', async () => {
    const door = await doorBefore(sends(WORKSPACE), () => {
      throw new Error('the database is gone');
    });

    expect((await ask(door, '/graphql', question)).body).toBe(WORKSPACE);
    expect(door.warnings).toEqual([expect.stringContaining('the database is gone')]);
  });

  it('change nothing else in any JSON', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue(),
        tie('node'),
        fc.array(tie('any')),
        fc.dictionary(fc.string(), tie('any')),
      ),
      node: fc.record(
        {
          id: fc.constantFrom('w.raw', 'r.etl.__repository__.fresh', 'w."\\', 7),
          changedReasons: fc.constantFrom([], ['NEW'], null, [[]]),
          assetKey: fc.constantFrom({ path: ['raw'] }, { path: ['fresh'] }, { path: [1] }, null),
          versionKey: fc.constantFrom('v', null),
          child: tie('any'),
        },
        { requiredKeys: [] },
      ),
    })).any;
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        const filled = fillBadges(Buffer.from(text), BADGES);
        expect(JSON.parse(`${filled ?? text}`, unfilled)).toEqual(JSON.parse(text, unfilled));
      }),
    );
  });
});

/** Takes away what badges may add. */
function unfilled(name: string, value: unknown): unknown {
  if (name === 'changedReasons' && Array.isArray(value))
    return value.every((one) => typeof one === 'string') ? [] : value;
  return name === 'versionKey' && typeof value === 'string' ? value.replace(/\.r7$/, '') : value;
}
