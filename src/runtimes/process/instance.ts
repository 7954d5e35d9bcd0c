import type { ChildProcess } from 'node:child_process';
import type { LostPart, PlannedProcess } from '../../deployment/launch.ts';
import { messageOf } from '../../errors.ts';
import type { Observation } from '../runtime.ts';
import { endProcesses } from './end-processes.ts';
import { findProcesses } from './find-processes.ts';
import { type InstanceFolders, instanceFolders } from './folders.ts';
import type { Ground } from './ground.ts';
import { trimOutput } from './output.ts';
import { isAlive, type ProcessRow, readProcess } from './process-table.ts';
import { type InstanceRecord, type RecordedProcess, writeRecord } from './record.ts';
import { Restarts } from './restarts.ts';
import { type Command, describeEnd, type End, runCommand, signalGroup } from './run-command.ts';
import { spawnPlanned } from './spawn-planned.ts';
import { hearing, watchPorts } from './watch-ports.ts';

/** How soon what is left of an interrupted start must end: it has served nobody yet. */
export const LEFTOVER_GRACE_MS = 1_000;

/** One instance that this service knows: started by it, or adopted from an earlier one. */
export class Instance {
  readonly ground: Ground;
  readonly folders: InstanceFolders;
  readonly record: InstanceRecord;
  /** The start that is under way; never rejects. */
  launching: Promise<void> = Promise.resolve();
  /** The end of what is left after a failure; never rejects. */
  private ending: Promise<void> = Promise.resolve();
  private readonly control = new AbortController();
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<unknown>>();
  /** Its ports that something listens on; undefined where nobody looks, as with an adopted instance. */
  private listening: Set<number> | undefined;
  /** Pids that this very service started. */
  private readonly own = new Set<number>();
  private readonly restarts = new Restarts();
  private letGo = false;

  constructor(ground: Ground, record: InstanceRecord) {
    this.ground = ground;
    this.record = record;
    this.folders = instanceFolders(ground.folders, record.name);
  }

  /** Fires when the start that is under way must end. */
  get signal(): AbortSignal {
    return this.control.signal;
  }

  /** Fires when it is stopped or let go of: commands in it must end. */
  get gone(): AbortSignal {
    return this.stopping.signal;
  }

  /** Its optional parts that are not there. */
  get lost(): readonly LostPart[] {
    return this.record.lost ?? [];
  }

  /** Whether it is starting or running. */
  get isUp(): boolean {
    return this.record.stage === 'preparing' || this.record.stage === 'running';
  }

  /** Changes the record, on disk too. */
  save(change: Partial<InstanceRecord>): void {
    Object.assign(this.record, change);
    if (!this.letGo) writeRecord(this.folders.record, this.record);
  }

  /** Tells what the start is at. Not on disk until the next change: a start that a kill interrupts is begun anew, wherever it was. */
  at(step: string): void {
    this.record.step = step;
  }

  /** What is there now. */
  observe(): Observation {
    this.checkAdopted();
    const { stage, step, host, port, exit } = this.record;
    switch (stage) {
      case 'preparing':
        return { state: 'starting', step };
      case 'running':
        return {
          state: 'running',
          endpoint: { host, port: port as number },
          ...(this.listening && hearing(this.record, this.listening)),
          ...(this.lost.length > 0 && { lost: this.lost }),
        };
      case 'exited':
        return { state: 'exited', code: exit?.code ?? null, reason: exit?.reason ?? 'it ended' };
      case 'stopping':
        return { state: 'exited', code: null, reason: 'it is being stopped' };
      case 'interrupted':
        return { state: 'absent' };
      default:
        return stage satisfies never;
    }
  }

  /** All of it is started: it is running from now on, and tells when it listens on a port. */
  runs(): void {
    this.save({ stage: 'running' });
    const listening = new Set<number>();
    this.listening = listening;
    const { host, ports } = this.record;
    void watchPorts(Object.values(ports), {
      host,
      signal: this.signal,
      onOpen: (port) => {
        listening.add(port);
        this.tellNews();
      },
    });
  }

  /** Starts a process that stays. Throws where it cannot be started, with a sentence for people, unless the app can do without it. */
  startProcess(planned: PlannedProcess, env: Readonly<Record<string, string>>): void {
    this.signal.throwIfAborted();
    try {
      this.follow(spawnPlanned(this, planned, env), planned, () => this.startProcess(planned, env));
    } catch (error) {
      if (planned.optionalPart === undefined) throw error;
      this.lose([planned.optionalPart], messageOf(error));
    }
  }

  /** Goes on without optional parts. */
  lose(parts: readonly string[], reason: string): void {
    const others = this.lost.filter(({ name }) => !parts.includes(name));
    this.saveAnyhow({ lost: [...others, ...parts.map((name) => ({ name, reason }))] });
    this.tellNews();
  }

  /** @param again starts it anew */
  private follow(child: ChildProcess, { name, argv, optionalPart }: PlannedProcess, again: () => void): void {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? `there is no program ${argv[0]}` : error.message;
      const reason = `the ${name} could not be started: ${why}`;
      if (optionalPart === undefined) this.fail(null, reason);
      else this.lose([optionalPart], reason);
    });
    const { pid } = child;
    if (pid === undefined) return;
    this.own.add(pid);
    child.unref();
    child.once('exit', (code, signal) => {
      if (optionalPart !== undefined) signalGroup(pid, 'SIGKILL'); // What it has started ends with it, as with the instance.
      this.processEnded(started, { code, signal }, again);
    });
    // Read before this turn of the event loop ends: until then even an ended child keeps its entry.
    const startedAt = readProcess(pid)?.startedAt ?? '';
    const started = { name, pid, startedAt, ...(optionalPart === undefined ? {} : { part: optionalPart }) };
    this.save({ processes: [...this.record.processes, started] });
  }

  /** Runs a command for the instance; while it runs, the record tells it. */
  run(name: string, command: Command): Promise<End> {
    const ended = this.runRecorded(name, command);
    const running = ended.catch(() => {}).finally(() => this.running.delete(running));
    this.running.add(running);
    return ended;
  }

  private async runRecorded(name: string, command: Command): Promise<End> {
    let running: RecordedProcess | undefined;
    try {
      return await runCommand({
        ...command,
        onStart: ({ pid, startedAt }) => {
          running = { name, pid, startedAt };
          this.own.add(pid);
          this.save({ commands: [...this.record.commands, running] });
        },
      });
    } finally {
      if (running) this.own.delete(running.pid);
      // After an abort, what is left of its group is still to be found.
      if (!command.signal?.aborted) this.save({ commands: this.record.commands.filter((one) => one !== running) });
    }
  }

  /** Makes it exited, for a reason that people read, and ends what is left of it. Only the first reason counts. */
  fail(code: number | null, reason: string): void {
    if (!this.isUp || this.letGo) return;
    this.saveAnyhow({ stage: 'exited', exit: { code, reason } });
    this.control.abort(new Error(reason));
    this.tellNews();
    this.ending = this.end().catch((error: unknown) => this.ground.say(`${this.record.name}: ${messageOf(error)}`));
  }

  /** Ends a start that is under way and all processes. Rejects where one of them does not end; then it can be asked again. */
  async stop(): Promise<void> {
    this.saveAnyhow({ stage: 'stopping' });
    this.abort(`${this.record.name} was stopped`);
    // Also the end that a failure began: going on, it would take what removes the folder for something left of the instance.
    await Promise.all([this.launching, this.ending, ...this.running, this.end()]);
    await this.end(); // What the start did until it noticed.
    this.letGo = true; // Its folder is removed now: a late command must not write into the next one of this name.
  }

  /** Lets go of it: a start that is under way is ended, to be repaired by the next service, and a running instance is left alone. */
  async release(): Promise<void> {
    this.letGo = true;
    this.abort('the service is ending');
    const options = { graceMs: LEFTOVER_GRACE_MS };
    if (this.record.stage === 'preparing') await Promise.all([this.launching, this.end(options)]);
    await Promise.all(this.running);
    if (this.record.stage === 'preparing') await this.end(options);
  }

  /** All processes that it has now. */
  processes(): ProcessRow[] {
    const leaders = [...this.record.processes, ...this.record.commands];
    return findProcesses({ name: this.record.name, folders: this.folders, leaders, own: this.own });
  }

  /** To be called now and then: looks after adopted processes, which do not report their end, and after the output's size. */
  tick(): void {
    if (this.letGo || this.record.stage === 'stopping') return;
    this.checkAdopted();
    const gone = trimOutput(this.folders.output, this.ground.outputLimitBytes);
    if (gone > 0) this.saveAnyhow({ outputBase: this.record.outputBase + gone });
  }

  private tellNews(): void {
    this.ground.news.tell(this.record.name, this.ground.say);
  }

  private abort(reason: string): void {
    this.control.abort(new Error(reason));
    this.stopping.abort(new Error(reason));
  }

  private async end(options: { graceMs?: number } = {}): Promise<void> {
    await endProcesses(() => this.processes(), { graceMs: options.graceMs ?? this.ground.stopGraceMs });
  }

  private checkAdopted(): void {
    if (this.record.stage !== 'running') return;
    for (const one of this.record.processes) {
      if (!this.own.has(one.pid) && !isAlive(one)) this.processEnded(one, { code: null, signal: null });
    }
  }

  /** @param again starts it anew; left out where nobody knows any more what with */
  private processEnded({ name, part, pid }: RecordedProcess, end: End, again?: () => void): void {
    const reason = `the ${name} ended with ${describeEnd(end)}`;
    if (part === undefined) {
      this.fail(end.code, reason);
      return;
    }
    if (!this.isUp || this.letGo) return;
    this.own.delete(pid);
    this.saveAnyhow({ processes: this.record.processes.filter((one) => one.pid !== pid) });
    const waitMs = again && this.restarts.waitMs(part);
    this.lose([part], again && waitMs === undefined ? `${reason}, each time that it was started` : reason);
    if (again === undefined || waitMs === undefined) return;
    const start = (): void => {
      if (!this.isUp || this.letGo) return;
      this.saveAnyhow({ lost: this.lost.filter((one) => one.name !== part) });
      again();
      this.tellNews();
    };
    setTimeout(start, waitMs).unref();
  }

  /** For endings: they go on where the disk is full, and a later service finds out by itself. */
  private saveAnyhow(change: Partial<InstanceRecord>): void {
    try {
      this.save(change);
    } catch (error) {
      this.ground.say(`${this.record.name}: the record could not be written: ${messageOf(error)}`);
    }
  }
}
