import type { NoteApp, NoteModel, NoteRevision } from '../../../src/views/note/model.ts';

export const revision = (changes: Partial<NoteRevision> = {}): NoteRevision => ({
  sha: '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d',
  title: 'Add the orders asset',
  commitUrl: 'https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d',
  pushedBy: 'Ann Smith',
  at: '2026-03-04T05:06:07.890Z',
  tookMs: 12_345,
  ...changes,
});

export const app = (changes: Partial<NoteApp> = {}): NoteApp => ({
  label: 'platform',
  phase: 'running',
  url: 'http://mr-7-platform-bcdfghjk.previews.example.com:8080',
  latest: revision(),
  servingSha: revision().sha,
  error: null,
  parts: [],
  stopReason: null,
  queue: null,
  stopTrouble: null,
  held: false,
  changes: null,
  head: null,
  ...changes,
});

export const note = (apps: readonly NoteApp[], state: NoteModel['mergeRequest']['state'] = 'opened'): NoteModel => ({
  mergeRequest: { state, toApprove: null },
  apps,
});
