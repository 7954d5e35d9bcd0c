import { createHash } from 'node:crypto';
import { deploymentSlug, instanceName, previewUrl } from '../../../src/deployment/naming.ts';
import { noteModel } from '../../../src/reconcile/note-model.ts';
import { Database } from '../../../src/store/sqlite.ts';
import { openStore } from '../../../src/store/store.ts';
import { renderNote } from '../../../src/views/note/note.ts';

export interface Scale {
  readonly deployments: number;
  readonly events: number;
  readonly projects: number;
}

/** The service's settings that rows depend on. */
export interface Addresses {
  readonly publicUrl: URL;
  readonly previewDomain: string;
  readonly gitlabUrl: string;
}

/** One of so many deployments is open: the rest is history. */
const OPEN_EVERY = 10;
const REVISIONS = 3;
/** One deployment that was pushed to very often. */
const MANY_REVISIONS = 300;

/**
 * Fills a new database as some years of use would: deployments of many projects, most of them stopped, each with revisions, jobs and events.
 * Open ones have failed, so that none of them needs an instance; their notes are as the service would write them, and are returned: the
 * text by `<project>/<merge request>`.
 */
export function fillDatabase(file: string, scale: Scale, addresses: Addresses): ReadonlyMap<string, string> {
  openStore(file).close();
  const db = new Database(file);
  db.pragma('synchronous = OFF');
  db.transaction(() => {
    insertDeployments(db, scale, addresses);
    insertEvents(db, scale);
  })();
  db.close();
  return writeNotes(file, addresses);
}

/** By its number from 0: what GitLab knows of a merge request. */
export function mergeRequestOf(n: number, scale: Scale, addresses: Pick<Addresses, 'gitlabUrl'>) {
  const projectId = 1 + (n % scale.projects);
  const iid = 1 + Math.floor(n / scale.projects);
  const path = `group/project-${projectId}`;
  return {
    ...{ projectId, iid, path, projectUrl: `${addresses.gitlabUrl}/${path}` },
    webUrl: `${addresses.gitlabUrl}/${path}/-/merge_requests/${iid}`,
    state: n % OPEN_EVERY === 0 ? 'opened' : n % 2 === 0 ? 'closed' : 'merged',
    title: `Change number ${n}`,
    sha: createHash('sha1').update(String(n)).digest('hex'),
    branch: `feature/change-${n}`,
    environment: `review/mr-${iid}`,
  };
}

function insertDeployments(db: Db, scale: Scale, addresses: Addresses): void {
  const now = Date.now();
  const mergeRequest =
    db.prepare(`insert into merge_requests (id, project_id, iid, project_path, project_url, state, title, web_url,
    source_branch, target_branch, head_sha, source_project_id, read_at, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'main', ?, ?, ?, ?)`);
  const deployment =
    db.prepare(`insert into deployments (id, name, slug, merge_request_id, project_id, app, ref, environment_name, wanted,
    stop_reason, phase, wanted_at, pipeline_id, created_at, stopped_at) values (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const revision =
    db.prepare(`insert into revisions (deployment_id, number, state, message, failure_log, "commit", pushed_by, bundle, spec,
    instance, instance_state, queued_at, started_at, healthy_at, ended_at) values (?, ?, ?, ?, '[]', ?, 'Dee', ?, ?, ?, 'gone', ?, ?, ?, ?)`);
  const job =
    db.prepare(`insert into jobs (id, deployment_id, pipeline_id, "commit", pushed_by, directory, timeout_ms, revision_id, created_at)
    values (?, ?, ?, ?, 'Dee', '.', 900000, ?, ?)`);
  let jobId = 0;
  for (let n = 0; n < scale.deployments; n += 1) {
    const mr = mergeRequestOf(n, scale, addresses);
    const id = n + 1;
    const open = mr.state === 'opened';
    const name = `mr-${mr.iid}-project-${mr.projectId}-${mr.sha.slice(0, 8)}`;
    // Over the last sixty days.
    const at = now - Math.floor((n / scale.deployments) * 60 * 86_400_000);
    mergeRequest.run(
      ...[id, mr.projectId, mr.iid, mr.path, mr.projectUrl, mr.state, mr.title, mr.webUrl],
      ...[mr.branch, mr.sha, mr.projectId, at, at],
    );
    deployment.run(
      ...[id, name, deploymentSlug(name), id, mr.projectId, `mr-${mr.iid}`, mr.environment],
      ...[
        open ? 'running' : 'stopped',
        open ? null : mr.state,
        open ? 'failed' : 'stopped',
        at,
        n,
        at,
        open ? null : at,
      ],
    );
    for (let number = 1; number <= (n === 0 ? MANY_REVISIONS : REVISIONS); number += 1) {
      const commit = JSON.stringify({
        ...{
          sha: mr.sha,
          title: mr.title,
          message: `${mr.title}\n\n${'Why it is done. '.repeat(20)}`,
          authorName: 'Dee',
        },
        ...{ authorEmail: 'dee@example.com', timestamp: Math.floor(at / 1000), parentShas: [], webUrl: mr.webUrl },
      });
      const spec = JSON.stringify({
        preset: 'command',
        timeoutMs: 900_000,
        remarks: [],
        start: 'node server.mjs',
        env: {},
      });
      const { lastInsertRowid } = revision.run(
        ...[id, number, open ? 'failed' : 'healthy', open ? 'the app ended with exit code 1' : null, commit],
        ...[createHash('sha256').update(`${n} ${number}`).digest('hex'), spec, instanceName(name, number)],
        ...[at, at, open ? null : at, at],
      );
      jobId += 1;
      job.run(jobId, id, n, commit, Number(lastInsertRowid), at);
    }
  }
}

function insertEvents(db: Db, scale: Scale): void {
  const event = db.prepare(
    'insert into events (at, merge_request_id, deployment_id, type, message) values (?, ?, ?, ?, ?)',
  );
  const now = Date.now();
  for (let n = 0; n < scale.events; n += 1) {
    const id = 1 + (n % scale.deployments);
    const at = now - Math.floor(((scale.events - n) / scale.events) * 60 * 86_400_000);
    event.run(at, id, id, 'healthy', `Revision ${n} (0123abcd) is healthy and gets the traffic.`);
  }
}

/** The notes' hashes are those of the service's own text, and just seen in GitLab: a quiet period writes none. */
function writeNotes(file: string, addresses: Addresses): ReadonlyMap<string, string> {
  const bodies = new Map<string, string>();
  const store = openStore(file);
  store.transaction(() => {
    for (const row of store.mergeRequests.all()) {
      const model = noteModel(store, row, {
        previewUrl: (name) => previewUrl(name, addresses),
        maxRunning: 20,
        forks: 'never',
      });
      const body = renderNote(model);
      bodies.set(`${row.projectId}/${row.iid}`, body);
      const noteHash = createHash('sha256').update(body).digest('hex');
      store.mergeRequests.update(row.id, { noteId: row.id, noteHash, noteSeenAt: Date.now() + 3_600_000 });
    }
  });
  store.close();
  return bodies;
}

type Db = InstanceType<typeof Database>;
