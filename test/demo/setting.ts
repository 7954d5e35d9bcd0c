import { createWriteStream, mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { startService } from '../../src/service.ts';
import { startRunner } from '../support/gitlab/pipelines/runner.ts';
import { StandInGitLab } from '../support/gitlab/stand-in.ts';
import { freePort } from '../support/poll.ts';
import { componentInclude } from '../support/projects.ts';
import { removeInstances, shareWebserver, surroundings } from '../support/surroundings.ts';
import type { DemoApp } from './app.ts';

/** Of the service's user in the stand-in GitLab. */
export const BOT_TOKEN = 'glpat-demo';
const TOKEN = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export type Setting = Awaited<ReturnType<typeof startSetting>>;

/** A stand-in GitLab with a project, its CI runner, and the real service, all on this machine; `folder` takes what they write. */
export async function startSetting(app: DemoApp, folder: string) {
  const dataDir = join(folder, 'data');
  const gitlab = await StandInGitLab.start({
    rootDir: join(folder, 'gitlab'),
    port: await portLike(8929),
    publicUrl: (port) => `http://localhost:${port}`,
  });
  const runner = startRunner(gitlab, { branchPipelines: false });
  const port = await portLike(8930);
  const serviceUrl = `http://localhost:${port}`;
  const bot = gitlab.addUser('previews-bot', { name: 'Previews', tokens: [BOT_TOKEN] });
  const developer = gitlab.addUser('robin', { name: 'Robin Reviewer' });
  const project = await gitlab.addProject({
    path: 'demo/shop',
    files: { ...app.files, '.gitlab-ci.yml': componentInclude(serviceUrl) },
  });
  gitlab.addMember(project, bot, 30);
  gitlab.addMember(project, developer, 40);
  gitlab.addHook(project, { url: `${serviceUrl}/webhooks/gitlab`, signingToken: TOKEN });

  if (app.uvCache) {
    mkdirSync(join(dataDir, 'shared'), { recursive: true, mode: 0o700 });
    symlinkSync(app.uvCache, join(dataDir, 'shared', 'uv-cache'));
  }
  shareWebserver(dataDir);
  // The service looks for uv where its own PATH leads.
  process.env.PATH = [...app.path, process.env.PATH].join(delimiter);
  const config = readConfig(
    {
      ...surroundings(),
      BD_GITLAB_URL: gitlab.localUrl,
      BD_GITLAB_ISSUER: gitlab.url,
      BD_GITLAB_TOKEN: BOT_TOKEN,
      BD_PUBLIC_URL: serviceUrl,
      BD_ALLOWED_PROJECTS: 'demo/*',
      BD_LISTEN: `127.0.0.1:${port}`,
      BD_DATA_DIR: dataDir,
      BD_WEBHOOK_SECRET: TOKEN,
      BD_PREVIEW_ACCESS: 'open',
      ...(process.getuid?.() === 0 ? { BD_PROCESS_USER: 'root' } : {}),
    },
    { uid: process.getuid?.() },
  );
  const logFile = join(folder, 'service.log');
  const service = await startService(config, { log: createLog('info', createWriteStream(logFile)) });
  return {
    gitlab,
    runner,
    service,
    project,
    developer,
    bot,
    serviceUrl,
    dataDir,
    logFile,
    /** Ends everything that the demo started; the folder stays. */
    async close(): Promise<void> {
      await runner.stop();
      await service.stop();
      await removeInstances(dataDir);
      await gitlab.close();
    },
  };
}

/** The same port each time, so that links stay; another one where it is taken. */
async function portLike(wanted: number): Promise<number> {
  return (await freePort(wanted).catch(() => undefined)) ?? freePort();
}
