import { chown, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors.ts';
import { makePrivateFolder, removeFolder } from './folders.ts';
import type { Ground } from './ground.ts';
import { COPY, readSetup, setupFolder, UNFINISHED } from './kept-setups.ts';
import { runTool } from './run-tool.ts';
import { STEP_BACK, sparesEnvironment } from './spares-environment.ts';

export const SPARE = '.spare-';
/** Disk is what a spare costs: only the setups that were used last have one. */
const MAX_SPARES = 4;
/** The instance that has just been started needs the disk and the processors more: people wait for it. */
const REPLENISH_AFTER_MS = 5_000;

/**
 * Private copies of kept setups, made ahead of time: where the file system cannot share blocks, copying a large `node_modules` takes longer
 * than the app's own start, and would be the longest part of a push that changes only code. A spare is taken by renaming it.
 */
export class SpareSetups {
  private readonly making = new Map<string, Promise<void>>();
  private readonly planned = new Map<string, NodeJS.Timeout>();
  private readonly stopping = new AbortController();
  private readonly afterMs: number;

  /** @param afterMs from the use of a kept setup to its next spare */
  constructor(afterMs = REPLENISH_AFTER_MS) {
    this.afterMs = afterMs;
  }

  /** Moves the spare of a key to `folder`, which does not exist yet. False where there is none. */
  async take(ground: Ground, key: string, options: { folder: string }): Promise<boolean> {
    await this.making.get(key);
    const spare = spareFolder(ground, key);
    try {
      await rename(spare, options.folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    if (ground.account) await chown(options.folder, ground.account.uid, ground.account.gid);
    return true;
  }

  /** Removes the spare of a key whose kept setup is no good. */
  remove(ground: Ground, key: string): Promise<void> {
    return removeFolder(spareFolder(ground, key), ground.account);
  }

  /** Makes a spare in a while, unless there is one. Failures are said: the next start then copies by itself. */
  replenish(ground: Ground, key: string): void {
    if (this.planned.has(key) || this.making.has(key) || this.stopping.signal.aborted) return;
    const timer = setTimeout(() => {
      void ground.finishing.done(key).then(() => {
        this.planned.delete(key);
        if (!this.stopping.signal.aborted) this.begin(ground, key);
      });
    }, this.afterMs);
    this.planned.set(key, timer.unref());
  }

  /** Ends what is being made. */
  async close(): Promise<void> {
    for (const timer of this.planned.values()) clearTimeout(timer);
    this.stopping.abort(new Error('the runtime is closed'));
    await Promise.all(this.making.values());
  }

  private begin(ground: Ground, key: string): void {
    const made = this.make(ground, key)
      .catch((error: unknown) => {
        if (this.stopping.signal.aborted) return;
        ground.say(`no spare copy of a kept setup could be made: ${messageOf(error)}`);
      })
      .finally(() => this.making.delete(key));
    this.making.set(key, made);
  }

  private async make(ground: Ground, key: string): Promise<void> {
    const kept = await readSetup(setupFolder(ground, key));
    if (!kept || (await stat(spareFolder(ground, key)).catch(() => undefined))) return;
    const env = sparesEnvironment(ground);
    const unfinished = join(ground.folders.setups, `${UNFINISHED}${SPARE}${key}`);
    await removeFolder(unfinished, ground.account, { env });
    makePrivateFolder(unfinished, ground.account);
    try {
      for (const [index, output] of kept.outputs.entries()) {
        if (kept.missing.includes(output)) continue;
        const paths = [join(setupFolder(ground, key), String(index)), join(unfinished, String(index))];
        await runTool(`${STEP_BACK}\n${COPY}`, paths, {
          account: ground.account,
          env,
          signal: this.stopping.signal,
        });
      }
      // Out of the instances' reach until it is taken: it is another branch's code tomorrow.
      if (ground.account) await chown(unfinished, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
      await rename(unfinished, spareFolder(ground, key));
    } catch (error) {
      await removeFolder(unfinished, ground.account, { env });
      throw error;
    }
    await removeOldest(ground, env);
  }
}

async function removeOldest(ground: Ground, env: Readonly<Record<string, string>>): Promise<void> {
  const names = (await readdir(ground.folders.setups)).filter((name) => name.startsWith(SPARE));
  const dated = await Promise.all(
    names.map(async (name) => ({
      path: join(ground.folders.setups, name),
      at: (await stat(join(ground.folders.setups, name))).ctimeMs,
    })),
  );
  const old = dated.sort((a, b) => b.at - a.at).slice(MAX_SPARES);
  for (const { path } of old) await removeFolder(path, ground.account, { env });
}

function spareFolder(ground: Ground, key: string): string {
  return join(ground.folders.setups, `${SPARE}${key}`);
}
