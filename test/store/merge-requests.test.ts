import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';

let folder: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-merge-requests-'));
  store = openStore(join(folder, 'service.sqlite'));
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

it('what a webhook needs of a merge request is what its row says', () => {
  const { id } = store.mergeRequests.record(
    {
      projectId: 2 ** 40,
      iid: 7,
      state: 'opened',
      title: 'Ä "quoted" title',
      draft: false,
      webUrl: 'https://gitlab.example/group/project/-/merge_requests/7',
      projectPath: 'group/project',
      projectUrl: 'https://gitlab.example/group/project',
      sourceProjectId: 1,
      sourceBranch: 'change',
      targetBranch: 'main',
      headSha: 'a'.repeat(40),
      author: { id: 1, username: 'dev', name: 'Dee' },
    },
    1,
  );
  const both = () => {
    const head = store.mergeRequests.head(2 ** 40, 7);
    const row = store.mergeRequests.find(2 ** 40, 7);
    expect(row).toMatchObject(head ?? {});
    return head;
  };
  expect(both()).toEqual({
    id,
    state: 'opened',
    headSha: 'a'.repeat(40),
    title: 'Ä "quoted" title',
    targetBranch: 'main',
    headRemark: null,
    unreadableSince: null,
  });

  const headRemark = { kind: 'skipped', sha: 'b'.repeat(40), pipelineUrl: null, since: 5 } as const;
  store.mergeRequests.update(id, { state: 'merged', headRemark, unreadableSince: 2 ** 41 });
  expect(both()).toMatchObject({ state: 'merged', headRemark, unreadableSince: 2 ** 41 });
  expect(store.mergeRequests.head(2 ** 40, 8)).toBeUndefined();
});
