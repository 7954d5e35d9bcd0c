import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeArchive } from '../store/bundles/archives.ts';
import { nodeServer, startWorld } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const mount = (path: string) =>
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'pipe' });
const unmount = (path: string) => execFileSync('umount', ['-l', path], { stdio: 'pipe' });

/** Only root may mount, and not in every container. */
const mayMount = (() => {
  const path = mkdtempSync(join(tmpdir(), 'bd-mount-'));
  try {
    mount(path);
    unmount(path);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true });
  }
})();

it.runIf(mayMount)('a disk that is full during an upload is told as such (needs the right to mount)', async () => {
  const t = await startWorld({ pipelines: false });
  const door = new CiDoor(t);
  const mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
  const token = await door.token(door.job(door.pipeline(mr)));
  await t.stopService();
  const bundles = join(t.dataDir, 'bundles');
  mount(bundles);
  try {
    await t.startService();
    const free = statfsSync(bundles).bfree;
    expect(await door.deploy(token, mr.iid)).toMatchObject({ status: 200 });
    const noise = makeArchive([{ path: 'noise', content: randomBytes(3 * 1024 ** 2) }]);
    expect(await door.upload(token, noise)).toEqual({
      status: 507,
      text: 'The service has no space left to keep the archive and its files. Nothing is wrong with the app: try again when its operator has made room in BD_DATA_DIR.\n',
    });
    expect(readdirSync(bundles, { recursive: true }).sort()).toEqual(['incoming', 'trees']);
    expect(statfsSync(bundles).bfree).toBe(free);

    // The same job sends a smaller one: nothing of the failure is left in its way.
    const app = makeArchive([
      { path: '.branch-deployment.yml', content: 'start: node server.mjs\n' },
      { path: 'server.mjs', content: nodeServer('fits') },
    ]);
    expect(await door.upload(token, app)).toMatchObject({ status: 200 });
    await t.settled();
    expect((await door.call('GET', 'outcome', { token })).text).toMatch(/exit 0\n$/);
  } finally {
    await t.stopService();
    unmount(bundles);
  }
});
