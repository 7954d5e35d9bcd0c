import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entry, makeArchive, makeTar } from '../store/bundles/archives.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

let t: World;
let door: CiDoor;
let branches = 0;

const APP: Entry[] = [
  { path: '.branch-deployment.yml', content: 'start: node server.mjs\n' },
  { path: 'server.mjs', content: 'process.exit(1)\n' },
];
const DAMAGED = 'Send one whole gzipped tar file, as "tar -czf" writes it, and look in the job log whether tar failed.';

beforeAll(async () => {
  t = await openWorld({ pipelines: false, env: { BD_MAX_UPLOAD: '1Mi' } });
  door = new CiDoor(t);
});
afterAll(() => t.close());

const refused = (status: number, text: string) => ({ status, text: `${text}\n` });

/** A job that has said what it wants to deploy, and may send its archive. */
async function readyToken(inputs: Readonly<Record<string, string>> = {}): Promise<string> {
  const mr = await t.openMergeRequest(`branch-${++branches}`, { 'README.md': `${branches}` });
  const token = await door.token(door.job(door.pipeline(mr)));
  expect(await door.deploy(token, mr.iid, inputs)).toMatchObject({ status: 200 });
  return token;
}

/** Files and folders that an upload left in the data folder. */
function left(): string[] {
  const bundles = join(t.dataDir, 'bundles');
  return [...readdirSync(bundles, { recursive: true }).map(String), ...t.instances()]
    .filter((path) => path !== 'incoming' && path !== 'trees')
    .sort();
}

describe('an archive that misbehaves is refused, and leaves nothing on disk', () => {
  it.each<[string, Buffer, number, string]>([
    [
      'an absolute path',
      makeArchive([...APP, { path: '/etc/cron.d/evil', content: 'x' }]),
      422,
      'The archive\'s entry "/etc/cron.d/evil" has an absolute path. Pack paths relative to the folder that is uploaded: "tar -C <folder> -cz .".',
    ],
    [
      'a path that climbs out',
      makeArchive([...APP, { path: 'a/../../evil', content: 'x' }]),
      422,
      'The archive\'s entry "a/../../evil" leaves the tree with "..". Pack only what lies in the folder that is uploaded: "tar -C <folder> -cz .".',
    ],
    [
      'a link that leaves the tree',
      makeArchive([...APP, { path: 'a/secrets', type: 'SymbolicLink', linkpath: '../../../database.sqlite' }]),
      422,
      'The archive\'s entry "a/secrets" is a symbolic link that leaves the tree (to "../../../database.sqlite"). Replace it by the file that it points to ("tar -h" does), or leave it out with the input "exclude".',
    ],
    [
      'a device',
      makeArchive([...APP, { path: 'disk', type: 'BlockDevice' }]),
      422,
      'The archive\'s entry "disk" is a device, not a file. Leave it out with the input "exclude".',
    ],
    [
      'a bomb: 5 MiB out of a few KiB, where four times the upload limit is allowed',
      makeArchive([...APP, { path: 'zeros', content: Buffer.alloc(5 * 1024 ** 2) }]),
      413,
      'The archive unpacks to more than 4.0 MiB; the service takes at most 1.0 MiB packed and 4.0 MiB unpacked (its setting BD_MAX_UPLOAD). Leave files out with the component\'s inputs "context" and "exclude".',
    ],
    [
      'more than the upload limit',
      makeArchive([...APP, { path: 'noise', content: randomBytes(2 * 1024 ** 2) }]),
      413,
      'The archive is larger than 1.0 MiB; the service takes at most 1.0 MiB (its setting BD_MAX_UPLOAD). Leave files out with the component\'s inputs "context" and "exclude".',
    ],
    ['no gzip', makeTar(APP), 422, `The archive is not readable as gzip (incorrect header check). ${DAMAGED}`],
    [
      'gzip that is no tar',
      gzipSync(Buffer.alloc(4096, 'x')),
      422,
      `The archive is not readable as tar (TAR_ENTRY_INVALID: checksum failure). ${DAMAGED}`,
    ],
    [
      'half of it',
      makeArchive(APP).subarray(0, 150),
      422,
      `The archive ends in the middle of its gzip data. ${DAMAGED}`,
    ],
    ['half a tar in whole gzip', makeArchive(APP, { endMark: false }), 422, `The archive has no end mark. ${DAMAGED}`],
    ['nothing', Buffer.alloc(0), 422, `The archive is empty. ${DAMAGED}`],
  ])('%s', async (_what, archive, status, text) => {
    expect(await door.upload(await readyToken(), archive)).toEqual(refused(status, text));
    expect(left()).toEqual([]);
  });

  it('one that is too large is refused without its length too', async () => {
    const token = await readyToken();
    const answer = await sendChunked(token, makeArchive([{ path: 'noise', content: randomBytes(2 * 1024 ** 2) }]));
    expect(answer).toMatch(/^413 The archive is larger than 1.0 MiB;/);
    expect(left()).toEqual([]);
  });

  it('an upload that breaks off leaves nothing, and can be sent again', async () => {
    const token = await readyToken();
    const archive = makeArchive([...APP, { path: 'noise', content: randomBytes(512 * 1024) }]);
    await sendHalf(token, archive);
    await until('the half to be gone', () => left().length === 0);
    expect(await door.upload(token, archive)).toMatchObject({ status: 200 });
    await t.settled();
  });
});

describe('an archive that cannot be run', () => {
  const leftByAll = () => left().filter((path) => !path.includes('-r1'));

  it('has nothing that is recognised', async () => {
    const before = leftByAll();
    expect(await door.upload(await readyToken(), makeArchive([{ path: 'index.html', content: 'hi' }]))).toEqual(
      refused(
        422,
        [
          'Nothing that can be run was recognised in the root of what was uploaded (the component\'s input "directory"): there is no .branch-deployment.yml, dg.toml, [tool.dg] or [tool.dagster] in pyproject.toml, dagster_cloud.yaml or workspace.yaml.',
          'If the app lies in another folder, set the input "directory" to it. Else add the file .branch-deployment.yml, for a web application:',
          '',
          'start: python3 -m http.server "$PORT" --bind "$HOST"',
          '',
          'or for a Dagster project:',
          '',
          'locations:',
          '  - { name: main, module: my_project.definitions }',
        ].join('\n'),
      ),
    );
    expect(leftByAll()).toEqual(before);
  });

  it('has an unknown key in its app file', async () => {
    const before = leftByAll();
    const archive = makeArchive([{ path: '.branch-deployment.yml', content: 'start: node a.mjs\nhealt: /up\n' }]);
    expect(await door.upload(await readyToken(), archive)).toEqual(
      refused(422, '.branch-deployment.yml cannot be used:\n  - line 2: healt: unknown key; did you mean "health"?'),
    );
    expect(leftByAll()).toEqual(before);
  });

  it('does not have the folder that it should run in', async () => {
    const before = leftByAll();
    expect(await door.upload(await readyToken({ directory: 'apps/web' }), makeArchive(APP))).toEqual(
      refused(
        422,
        'There is no folder "apps/web" in what was uploaded. Set the component\'s inputs so that "directory" lies within "context".',
      ),
    );
    expect(leftByAll()).toEqual(before);
  });

  it('comes from a job that has not said what it wants', async () => {
    const mr = await t.openMergeRequest('unannounced', { 'README.md': 'x' });
    const token = await door.token(door.job(door.pipeline(mr)));
    expect(await door.upload(token, makeArchive(APP))).toEqual(
      refused(409, 'This job has not said what it wants to deploy. Use the jobs of the component branch-deployment.'),
    );
  });
});

function put(token: string, headers: Record<string, string | number>) {
  const { port } = new URL(t.serviceUrl);
  return request({
    host: '127.0.0.1',
    port,
    path: '/api/ci/v1/source',
    method: 'PUT',
    headers: { host: `localhost:${port}`, authorization: `Bearer ${token}`, 'bd-component': '1.0.0', ...headers },
  });
}

function sendChunked(token: string, archive: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = put(token, { 'transfer-encoding': 'chunked' });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    outgoing.end(archive);
  });
}

/** Sends half of an archive, until the service has some of it on disk, and cuts the connection. */
async function sendHalf(token: string, archive: Buffer): Promise<void> {
  const outgoing = put(token, { 'content-length': archive.length });
  outgoing.on('error', () => undefined);
  outgoing.write(archive.subarray(0, archive.length / 2));
  await until('the half to be on disk', () => left().length > 0);
  outgoing.destroy();
}
