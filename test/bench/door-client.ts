import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../src/config.ts';
import { CiDoor } from '../scenarios/ci-door.ts';
import { StandInGitLab } from '../support/gitlab/stand-in.ts';
import { freePort, until } from '../support/poll.ts';
import { removeInstances, shareUvCache, shareWebserver, surroundings } from '../support/surroundings.ts';
import { ChildService } from './child-service.ts';

/** A service and a stand-in GitLab, and one merge request whose deploy jobs are played by hand: without CI, only the service is timed. */
export interface DoorClient {
  /** What instances get of this machine's environment. */
  readonly passEnv: Readonly<Record<string, string>>;
  /** The service's. */
  readonly dataDir: string;
  /**
   * One push: the archive is sent, and the log followed to its end.
   * @returns ms from the start of the upload to healthy
   */
  deploy(archive: Buffer, options?: { readonly directory?: string }): Promise<number>;
  /** Until the instance before has ended. */
  alone(): Promise<void>;
  /** Until nothing of the last push is going on: people push minutes apart. Where that takes more than a minute, it says so and goes on. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

export async function openDoor(env: Readonly<Record<string, string>> = {}): Promise<DoorClient> {
  const gitlab = await StandInGitLab.start();
  const dataDir = mkdtempSync(join(tmpdir(), 'bd-bench-'));
  shareUvCache(dataDir);
  shareWebserver(dataDir);
  const port = await freePort();
  const serviceUrl = `http://localhost:${port}`;
  const bot = gitlab.addUser('bot', { tokens: ['glpat-bench'] });
  const dev = gitlab.addUser('dev');
  const project = await gitlab.addProject({ path: 'bench/app', files: { 'README.md': 'bench' } });
  gitlab.addMember(project, bot, 40);
  gitlab.addMember(project, dev, 30);
  const settings = {
    ...surroundings(),
    BD_GITLAB_URL: gitlab.url,
    BD_GITLAB_TOKEN: 'glpat-bench',
    BD_PUBLIC_URL: serviceUrl,
    BD_ALLOWED_PROJECTS: 'bench/app',
    BD_LISTEN: `127.0.0.1:${port}`,
    BD_DATA_DIR: dataDir,
    BD_WEBHOOK_TOKEN: 'bench-bench',
    BD_PREVIEW_ACCESS: 'open',
    ...(process.getuid?.() === 0 ? { BD_PROCESS_USER: 'root' } : {}),
    ...env,
  };
  const service = await ChildService.start(settings);
  await gitlab.push(project, 'feature', { files: { 'README.md': 'change' }, message: 'change', author: dev });
  const mergeRequest = await gitlab.openMergeRequest(project, {
    sourceBranch: 'feature',
    targetBranch: 'main',
    title: 'Bench',
    author: dev,
  });
  const jobs = new CiDoor({ gitlab, project, dev, serviceUrl });
  return {
    passEnv: readConfig(settings, { uid: process.getuid?.() }).passEnv,
    dataDir,
    alone: () =>
      until('one instance to be left', () => namesIn(dataDir, 'instances').length === 1, QUIET_PATIENCE_MS).then(
        () => {},
      ),
    quiet: () => quiet(service, dataDir),
    async deploy(archive, { directory = '.' } = {}) {
      const job = jobs.job(jobs.pipeline(mergeRequest));
      const { exit, log, tookMs } = await jobs.play(job, mergeRequest.iid, archive, { directory });
      if (exit !== '0') throw new Error(`the deployment failed:\n${log}`);
      return tookMs;
    },
    async close() {
      await service.stop();
      await removeInstances(dataDir);
      await gitlab.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Copies of a large environment take their time where others use the disk, too; an instance ends when its runs have. */
const QUIET_PATIENCE_MS = 60_000;

/** One instance left, no copy being made, and nothing due but the next look. */
async function quiet(service: ChildService, dataDir: string): Promise<void> {
  const isQuiet = async () => {
    const setups = namesIn(dataDir, 'shared', 'setups');
    const spares = setups.filter((name) => name.startsWith('.spare-')).length;
    const kept = setups.filter((name) => !name.startsWith('.')).length;
    const isCopying = spares !== kept || setups.some((name) => name.startsWith('.unfinished-'));
    return namesIn(dataDir, 'instances').length === 1 && !isCopying && (await service.isIdle(500));
  };
  const since = performance.now();
  while (!(await isQuiet())) {
    if (performance.now() - since > QUIET_PATIENCE_MS) {
      console.log(
        `the service still works on the last push ${QUIET_PATIENCE_MS / 1000} s after it: what is timed next has that beside it`,
      );
      return;
    }
    await sleep(20);
  }
}

function namesIn(...path: string[]): string[] {
  const folder = join(...path);
  return existsSync(folder) ? readdirSync(folder) : [];
}
