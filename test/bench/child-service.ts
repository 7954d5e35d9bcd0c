import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the process is asked by a message. */
export type Question = { readonly idleForMs: number } | { readonly peakMb: true } | { readonly stop: true };

/** The service in a process of its own, as it is for people: neither the stand-in GitLab nor who measures takes its time or is in its memory. */
export class ChildService {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Resolves when it listens. @param env settings (`BD_…`), and all else of its environment; @param options.instant its instances are there at once */
  static async start(
    env: Readonly<Record<string, string | undefined>>,
    options: { readonly instant?: boolean } = {},
  ): Promise<ChildService> {
    const program = fileURLToPath(new URL('./service-child.ts', import.meta.url));
    const child = fork(program, options.instant ? ['instant'] : [], {
      env: env as NodeJS.ProcessEnv,
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
    });
    return new ChildService(child);
  }

  /** Whether nothing is under way, and nothing is due within this time but to look again at what is in order. */
  async isIdle(withinMs: number): Promise<boolean> {
    return (await this.ask({ idleForMs: withinMs })) === true;
  }

  /** The most memory that it has had so far, in MB. */
  async peakMb(): Promise<number> {
    return Number(await this.ask({ peakMb: true }));
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    this.child.send({ stop: true } satisfies Question);
    await once(this.child, 'exit');
  }

  private async ask(question: Question): Promise<unknown> {
    this.child.send(question);
    const [answer] = await once(this.child, 'message');
    return answer;
  }
}
