import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { noteModel } from '../../src/reconcile/note-model.ts';
import { MARKER } from '../../src/runtimes/process/environment.ts';
import type { DeploymentRow } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { isMarked } from '../../src/views/note/marker.ts';
import { renderNote } from '../../src/views/note/note.ts';
import { processesNaming } from '../runtimes/process-facts.ts';
import type { World } from '../support/world.ts';
import type { Life } from './life.ts';

/** What must hold once nothing goes wrong any more, whatever went wrong before. */
export const INVARIANTS = [
  'the state of each merge request is known',
  'one note in each merge request, and it is right',
  'each environment has the right state and link',
  'each preview serves the right commit, or nothing',
  'no instance but the wanted ones',
  'no process but those of the wanted instances',
  'no folder that no deployment wants',
  'no bundle that no deployment wants, and none missing',
  'no row that is half done',
  'no work that fails, is claimed or is late',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Finding {
  readonly invariant: Invariant;
  readonly what: string;
}

export interface Inspection {
  readonly findings: readonly Finding[];
  /** How many things each invariant was checked for. */
  readonly checked: ReadonlyMap<Invariant, number>;
}

/** Looks at all of GitLab, the database, the disk and the processes. `instances` lists those that the runtime has. */
export async function inspect(
  world: World,
  lives: readonly Life[],
  options: { readonly instances: () => readonly string[]; readonly real: boolean },
): Promise<Inspection> {
  const store = openStore(join(world.dataDir, 'service.sqlite'));
  const findings: Finding[] = [];
  const checked = new Map<Invariant, number>();
  const expect = (invariant: Invariant, holds: boolean, what: () => string) => {
    checked.set(invariant, (checked.get(invariant) ?? 0) + 1);
    if (!holds) findings.push({ invariant, what: what() });
  };
  try {
    for (const life of lives) if (life.mergeRequest) await inspectLife(world, store, { life, expect });
    inspectPlace(world, store, { ...options, expect });
    inspectRows(store, { expect, now: world.clock.now() });
  } finally {
    store.close();
  }
  return { findings, checked };
}

type Expect = (invariant: Invariant, holds: boolean, what: () => string) => void;

async function inspectLife(world: World, store: Store, { life, expect }: { life: Life; expect: Expect }) {
  const mergeRequest = life.mergeRequest as NonNullable<Life['mergeRequest']>;
  const who = `!${mergeRequest.iid} (${life.branch}, ${life.state})`;
  const row = store.mergeRequests.find(world.project.id, mergeRequest.iid);
  const [deployment, ...others] = row ? store.deployments.ofMergeRequest(row.id) : [];
  expect('no row that is half done', others.length === 0, () => `${who} has ${others.length + 1} deployments`);
  const notes = world.gitlab
    .notes(world.project, mergeRequest.iid)
    .filter((note) => note.authorId === world.bot.id && isMarked(note.body));
  if (!row || !deployment) {
    const invariant = 'each preview serves the right commit, or nothing';
    expect(invariant, life.expected === null, () => `${who} has no deployment, and should serve "${life.expected}"`);
    return;
  }
  const known = row.state === life.state;
  expect('the state of each merge request is known', known, () => `${who} is known as ${row.state}`);

  const model = noteModel(store, row, { previewUrl: urlOf(world), maxRunning: 20, forks: 'never' });
  const wanted = model.apps.length === 0 ? [] : [renderNote(model).trim()];
  const bodies = notes.map((note) => note.body.trim());
  const noteIsRight = JSON.stringify(bodies) === JSON.stringify(wanted);
  expect(
    'one note in each merge request, and it is right',
    noteIsRight && notes.every((note) => note.id === row.noteId),
    () => `${who}: ${notes.length} notes (known: ${row.noteId}): ${bodies.join('\n---\n')}\nand not: ${wanted}`,
  );

  const environment = world.gitlab.environment(world.project, deployment.environmentName);
  const url = urlOf(world)(deployment.name);
  const state = life.expected === null ? 'stopped' : 'available';
  const environmentIsRight = environment?.state === state && (state === 'stopped' || environment.externalUrl === url);
  expect('each environment has the right state and link', environmentIsRight, () => {
    return `${who}: ${environment?.state} ${environment?.externalUrl}, and not ${state} ${url}`;
  });

  const answer = await world.preview(url).catch((error: unknown) => ({ status: 0, body: String(error) }));
  const serves = life.expected === null ? answer.status >= 400 : answer.body === life.expected;
  expect('each preview serves the right commit, or nothing', serves, () => {
    const phase = `${deployment.phase}, wanted ${deployment.wanted}`;
    return `${who} answers ${answer.status} "${answer.body.slice(0, 80)}", and not "${life.expected}" (${phase})`;
  });
}

function inspectPlace(
  world: World,
  store: Store,
  options: { readonly instances: () => readonly string[]; readonly real: boolean; readonly expect: Expect },
) {
  const { expect } = options;
  const deployments = store.mergeRequests.all().flatMap((row) => store.deployments.ofMergeRequest(row.id));
  const running = deployments.filter((deployment) => deployment.wanted === 'running');
  const live = running.flatMap((d) => (d.liveRevisionId === null ? [] : (store.revisions.get(d.liveRevisionId) ?? [])));
  const wanted = live.map((revision) => revision.instance).sort();
  const found = [...options.instances()].sort();
  const same = JSON.stringify(found) === JSON.stringify(wanted);
  expect('no instance but the wanted ones', same, () => `${found.join(' ')}, and not ${wanted.join(' ')}`);
  if (options.real) {
    const strays = processesNaming(world.dataDir).filter((pid) => isStrayProcess(pid, wanted));
    expect('no process but those of the wanted instances', strays.length === 0, () =>
      strays.map((pid) => `${pid}: ${readProc(pid, 'cmdline')}`).join(', '),
    );
  }
  const folder = (...path: string[]) => listFolder(join(world.dataDir, ...path));
  const open = new Set(running.map((d: DeploymentRow) => d.name));
  const strayFolders = [
    ...folder('deployments').filter((name) => !open.has(name)),
    ...folder('shared', 'setups').filter((name) => name.includes('unfinished')),
    ...folder('bundles', 'incoming'),
    ...folder('bundles', 'trees'),
  ];
  expect('no folder that no deployment wants', strayFolders.length === 0, () => strayFolders.join(' '));

  const bundles = world.bundles().map((name) => name.replace('.tar.gz', ''));
  // Those of older revisions of an open deployment go with the sweep, an hour after they came.
  const isStray = (digest: string) =>
    store.revisions.deploymentsOfBundle(digest).every((d) => d.stopReason === 'merged' || d.stopReason === 'deleted');
  const strayBundles = bundles.filter(isStray);
  const missing = live.filter((revision) => !bundles.includes(revision.bundle));
  const whose = (digest: string) =>
    `${digest.slice(0, 8)} of ${store.revisions.deploymentsOfBundle(digest).map((d) => `${d.name} (${d.stopReason})`)}`;
  expect(
    'no bundle that no deployment wants, and none missing',
    strayBundles.length === 0 && missing.length === 0,
    () => `stray: ${strayBundles.map(whose).join(', ')}; missing: ${missing.map((r) => r.instance).join(', ')}`,
  );
}

function inspectRows(store: Store, { expect, now }: { expect: Expect; now: number }) {
  for (const row of store.mergeRequests.all()) {
    const comments = store.comments.open(row.id);
    expect(
      'no row that is half done',
      comments.length === 0,
      () => `!${row.iid}: comments ${JSON.stringify(comments)}`,
    );
    for (const deployment of store.deployments.ofMergeRequest(row.id)) {
      for (const revision of store.revisions.ofDeployment(deployment.id)) {
        const isLive = revision.id === deployment.liveRevisionId;
        const done =
          !['queued', 'starting'].includes(revision.state) && (revision.instanceState === 'present') === isLive;
        expect('no row that is half done', done, () => {
          return `${revision.instance}: ${revision.state}, ${revision.instanceState}${isLive ? ', live' : ''}`;
        });
      }
      const settled = deployment.wanted === 'running' ? ['running', 'failed'] : ['stopped'];
      expect('no row that is half done', settled.includes(deployment.phase), () => {
        return `${deployment.name}: ${deployment.phase}, wanted ${deployment.wanted}`;
      });
    }
  }
  const work = store.work.all();
  const bad = work.filter((row) => row.attempts > 0 || row.claimedBy !== null || row.dueAt < now - 1_000);
  expect('no work that fails, is claimed or is late', bad.length === 0, () => JSON.stringify(bad));
}

const urlOf = (world: World) => (name: string) => world.serviceUrl.replace('//', `//${name}.`);

function isStrayProcess(pid: number, wanted: readonly string[]): boolean {
  const marked = readProc(pid, 'environ')
    .split('\0')
    .find((one) => one.startsWith(`${MARKER}=`));
  // The service itself names the folder too, and carries no mark.
  return marked !== undefined && !wanted.includes(marked.slice(MARKER.length + 1));
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function listFolder(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
