import { messageOf } from '../../errors.ts';
import type { Ground } from './ground.ts';
import { runTool } from './run-tool.ts';
import { STEP_BACK, sparesEnvironment } from './spares-environment.ts';

interface Finishing {
  readonly kin: string | undefined;
  readonly hurry: AbortController;
  /** Never rejects. */
  readonly done: Promise<void>;
}

/**
 * Copies of setups that are made already, and get their finish beside everything else before they are kept: what it adds is quicker to have,
 * but no start must wait for it. Whoever wants such a copy, or ends the service, has it cut short: then it is kept as far as it is.
 */
export class FinishingSetups {
  private readonly running = new Map<string, Finishing>();

  /**
   * Runs a finish with the instances' rights, at a low priority, then `keep`. What goes wrong is said: the next start then makes its own.
   * @param setup.outputs absolute paths of the copies
   */
  begin(
    ground: Ground,
    setup: {
      readonly key: string;
      readonly kin?: string | undefined;
      readonly finish: string;
      outputs: readonly string[];
    },
    keep: () => Promise<void>,
  ): void {
    const { key, kin, finish, outputs } = setup;
    const hurry = new AbortController();
    const env = sparesEnvironment(ground);
    const finished = runTool(`${STEP_BACK}\n${finish}`, outputs, {
      account: ground.account,
      env,
      signal: hurry.signal,
    }).catch((error: unknown) => {
      if (!hurry.signal.aborted) ground.say(`a kept setup got no finish: ${messageOf(error)}`);
    });
    const before = this.running.get(key)?.done;
    const done = Promise.all([finished, before])
      .then(keep)
      .catch((error: unknown) => ground.say(`a setup could not be kept: ${messageOf(error)}`))
      .finally(() => {
        if (this.running.get(key)?.done === done) this.running.delete(key);
      });
    this.running.set(key, { kin, hurry, done });
  }

  /** Waits until the setup of a key is kept, or was given up. */
  async done(key: string): Promise<void> {
    await this.running.get(key)?.done;
  }

  /** Has the setup of a key, and all of a kin, kept at once. */
  async hurry({ key, kin }: { readonly key?: string; readonly kin?: string | undefined }): Promise<void> {
    const wanted = [...this.running].filter(([one, { kin: own }]) => one === key || (kin !== undefined && own === kin));
    await Promise.all(wanted.map(([, one]) => cutShort(one)));
  }

  /** Has all of them kept at once. */
  async close(): Promise<void> {
    await Promise.all([...this.running.values()].map(cutShort));
  }
}

function cutShort({ hurry, done }: Finishing): Promise<void> {
  hurry.abort(new Error('it is wanted now'));
  return done;
}
