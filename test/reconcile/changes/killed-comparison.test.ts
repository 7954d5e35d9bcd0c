import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RevisionRow } from '../../../src/store/schema.ts';
import { SERVER } from '../../runtimes/apps.ts';
import { processesNaming } from '../../runtimes/process-facts.ts';
import { until } from '../../support/poll.ts';
import { ComparedWorld, project, snapshotOf } from './compared-world.ts';
import type { ServiceArguments } from './comparing-service.ts';

const LONG = 240_000;
const service = fileURLToPath(new URL('comparing-service.ts', import.meta.url));
const ARTIFACTS = { changes: { baseArtifacts: ['etl.json'] } };

let t: ComparedWorld;
const children: ChildProcess[] = [];
beforeEach(async () => {
  t = await ComparedWorld.open();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await t.close();
});

const programs = (): string => join(t.folder, 'programs');
const gate = (name: string): string => join(t.folder, `gate-${name}`);

/** A program of the system that stops before or after its work, where its arguments have this text, until it is let go on. */
function holdProgram(name: string, when: 'before' | 'after', text: string): void {
  mkdirSync(programs(), { recursive: true });
  const real = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path));
  const hold = `case "$*" in *${text}*) : > ${gate(name)}; while [ -e ${gate(name)} ]; do sleep 0.05; done;; esac`;
  const lines = when === 'before' ? [hold, `exec ${real} "$@"`] : [`${real} "$@" || exit`, hold];
  writeFileSync(join(programs(), name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
}

/** What is due is compared by a service of its own, which is killed at that moment. */
async function killAt(what: string, moment: () => boolean): Promise<void> {
  const child = start();
  // A child that is killed between its birth and the record of it is found by nobody.
  await until(what, () => moment() && isRecorded(), 60_000);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Whether the instance's record tells the command that runs beside it. */
function isRecorded(): boolean {
  const { instance } = t.store.revisions.latest(t.row.id) as RevisionRow;
  const record = readFileSync(join(t.folder, 'instances', instance, 'instance.json'), 'utf8');
  return (JSON.parse(record) as { commands: unknown[] }).commands.length > 0;
}

/** A service compares what is due, as its next life: until it is decided. */
async function compareIt(): Promise<void> {
  const child = start();
  await until('it to be decided', () => t.decided() !== undefined, 60_000);
  await until('the pass to end', () => t.store.work.find(`deployment:${t.row.id}`, 'changes') === undefined, 60_000);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function start(): ChildProcess {
  const told: ServiceArguments = {
    ...{ folder: t.folder, gitlabUrl: t.gitlab.localUrl, projectId: t.target.id, programs: programs() },
  };
  const argv = ['--import', 'tsx', service, JSON.stringify(told)];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'inherit'] });
  children.push(child);
  return child;
}

const due = (): void => t.store.work.mark(`deployment:${t.row.id}`, 'changes', Date.now());
const handed = (): string => readFileSync(join(t.folder, 'deployments', t.row.name, 'base', 'etl.json'), 'utf8');

it(
  'hands a revision whole files of one base, whenever the service is killed while it puts others in their place',
  async () => {
    const bases = [
      ['orders', 'old'],
      ['orders', 'late'],
    ].map((keys) => ({ keys, files: project({ etl: keys }) }));
    const commits: string[] = [];
    for (const { files } of bases) commits.push((await t.gitlab.push(t.target, 'main', { files, author: t.ada })).sha);
    /** The next revision, on one of the two bases. */
    const push = async (base: number): Promise<void> => {
      t.push({ mergedInto: commits[base] as string }, ARTIFACTS);
      await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
    };
    const filesOf = (base: number): string => snapshotOf(bases[base]?.keys as string[]);
    await push(0);
    await t.passes();
    expect(handed()).toBe(filesOf(0));

    const moments = [
      ['mv', 'before', 'base'],
      ['mv', 'after', 'base'],
    ] as const;
    for (const [name, when, text] of moments) {
      const moment = `killed ${when} ${name}`;
      await push(1);
      holdProgram(name, when, text);
      due();
      await t.handedOver(async () => {
        await killAt(moment, () => existsSync(gate(name)));
        rmSync(programs(), { recursive: true });
      });
      expect([filesOf(0), filesOf(1)], moment).toContain(handed());

      // The next one is compared with the base whose files were there before.
      await push(0);
      rmSync(gate(name), { force: true });
      await t.passes();
      expect(handed(), moment).toBe(filesOf(0));
      expect(t.changed(), moment).toEqual(['old REMOVED']);
    }
    expect(
      readdirSync(join(t.folder, 'deployments', t.row.name)).filter((name) => name.startsWith('base')),
    ).toHaveLength(2);
  },
  LONG,
);

it(
  'goes on with a comparison that it was killed in, and leaves nothing of it',
  async () => {
    const { instance } = t.store.revisions.latest(t.row.id) ?? { instance: '' };
    const folder = join(t.folder, 'instances', instance);
    const processes = processesNaming(t.folder).sort();
    holdProgram('cat', 'before', 'other-tree');
    due();
    const left = await t.handedOver(async () => {
      await killAt('the base to be read', () => existsSync(gate('cat')));
      mkdirSync(join(t.folder, 'bases', 'unpacked'), { recursive: true });
      return existsSync(join(folder, 'other-tree'));
    });
    expect(left).toBe(true);
    expect(t.decided()).toBeUndefined();
    // Whatever comes next: the runtime itself ends and removes it when it finds its instance.
    expect(await t.observe(instance)).toBe('running');
    // What the held program forked in the very moment of its end (its `sleep 0.05`) ends by itself; the program would go on.
    await until('only the app to be left', () => processesNaming(t.folder).sort().join() === processes.join());
    expect(existsSync(join(folder, 'other-tree'))).toBe(false);

    rmSync(programs(), { recursive: true });
    await t.handedOver(compareIt);

    expect(t.changed()).toEqual(['new NEW', 'old REMOVED']);
    expect(existsSync(join(folder, 'other-tree'))).toBe(false);
    expect(readdirSync(join(t.folder, 'bases'))).toEqual([]);
    expect(processesNaming(t.folder).sort()).toEqual(processes);
  },
  LONG,
);
