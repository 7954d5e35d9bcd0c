import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { DagsterSpec } from '../../../src/deployment/app-spec.ts';
import type { ChangesContext, Subject } from '../../../src/reconcile/changes/context.ts';
import { findBase } from '../../../src/reconcile/changes/find-base.ts';
import type { RevisionRow } from '../../../src/store/schema.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { connect, failureOf } from '../../gitlab/connect.ts';
import { type World, withGitLab } from '../../gitlab-stand-in/with-gitlab.ts';
import { addDeployment, commit, spec } from '../../store/add-deployment.ts';
import { recordDeployment } from '../../support/gitlab/acts/deployments.ts';
import { ensureEnvironment } from '../../support/gitlab/acts/environments.ts';

interface Place extends World {
  readonly store: Store;
  /** Heads of `main`: where the branch began, and now. */
  readonly began: string;
  readonly head: string;
  /** The base of a revision with this `compare_with`. */
  base(compareWith?: string, mergedInto?: string): Promise<{ readonly sha: string }>;
}

/** A branch whose target has gone on. */
function withBranch(story: (place: Place) => Promise<void>): Promise<void> {
  return withGitLab(async (world) => {
    const { gitlab, project, ada, mergeRequest } = world;
    const client = connect(gitlab.localUrl, { token: 'secret-of-the-bot' });
    const folder = mkdtempSync(join(tmpdir(), 'bd-base-'));
    const store = openStore(join(folder, 'service.sqlite'));
    try {
      const began = (await client.branchHead(project.id, 'main'))?.sha as string;
      const { sha: head } = await gitlab.push(project, 'main', { files: { 'more.py': '3\n' }, author: ada });
      const deployment = { ...addDeployment(store, 1), projectId: project.id };
      const base: Place['base'] = (compareWith, mergedInto) => {
        const latest = store.revisions.latest(deployment.id) as RevisionRow;
        const dagster = { ...spec, preset: 'dagster', locations: [], changes: compareWith ? { compareWith } : {} };
        const revision = {
          ...latest,
          spec: dagster as unknown as DagsterSpec,
          commit: { ...commit, sha: mergeRequest.sha, ...(mergedInto ? { mergedInto } : {}) },
        };
        return findBase({ gitlab: client, store } as unknown as ChangesContext, { deployment, revision } as Subject);
      };
      await story({ ...world, store, began, head, base });
    } finally {
      store.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

it('is where the branch began, unless the app file says otherwise', () =>
  withBranch(async ({ base, began, head }) => {
    expect(await base()).toMatchObject({ sha: began });
    expect(await base('merge-base')).toMatchObject({ sha: began });
    expect(await base('target')).toMatchObject({ sha: head });
    expect(await base('on-update')).toMatchObject({ sha: head });
  }));

it("is the target's side of a merged result: what the merge brings from there is not the branch's", () =>
  withBranch(async ({ base, head }) => {
    expect(await base('merge-base', head)).toMatchObject({ sha: head });
  }));

it('stays what it was at first where the app file says on-create', () =>
  withBranch(async ({ base, store, began, head }) => {
    expect(await base('on-create')).toMatchObject({ sha: head });
    const revision = store.revisions.latest(1) as RevisionRow;
    const decided = { unknown: 'x', compared: null, missingFiles: null, decidedAt: 1 };
    store.changes.decide({ revisionId: revision.id, baseSha: began, baseUrl: 'https://gl/c', ...decided });

    expect(await base('on-create')).toMatchObject({ sha: began });
  }));

it('is what GitLab says is deployed to an environment, and unknown where nothing is', () =>
  withBranch(async ({ base, gitlab, project, ada, began }) => {
    const missing = await failureOf(base('environment:production'));
    const environment = ensureEnvironment(gitlab, project.id, { name: 'production' });
    const deployment = { ref: 'main', sha: began, jobId: null, userId: ada.id };
    recordDeployment(gitlab, environment, { ...deployment, status: 'failed' });
    const failed = await failureOf(base('environment:production'));
    recordDeployment(gitlab, environment, { ...deployment, status: 'success' });

    for (const error of [missing, failed])
      expect(error).toMatchObject({
        name: 'UnknownChanges',
        message: 'Nothing is deployed to the environment production, which it is to be compared with (compare_with).',
      });
    expect(await base('environment:production')).toMatchObject({ sha: began });
  }));
