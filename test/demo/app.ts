import type { FileChange } from '../support/gitlab/git/commit.ts';

/** The project that the demo deploys, and what its pushes change. */
export interface DemoApp {
  readonly name: 'command' | 'dagster';
  /** Why it is this one. */
  readonly why: string;
  /** The first commit's files, without `.gitlab-ci.yml`. */
  readonly files: Readonly<Record<string, string>>;
  /** The merge request's first commit: what it changes, and a text that the preview then shows. */
  readonly open: DemoPush;
  readonly second: DemoPush;
  /** A push that breaks the app; `shows` stands in the note then. */
  readonly broken: DemoPush;
  /** Folders of the environment that the service needs beyond its own: where `uv` is. */
  readonly path: readonly string[];
  /** Folder that the service's package cache is linked to, so that the next demo starts warm. */
  readonly uvCache: string | undefined;
  /** Asks the preview what it shows. */
  shown(get: AskPreview): Promise<string>;
  /** Has the preview do what such an app is for, where that is more than to show something; rejects where it fails. */
  work?(get: AskPreview): Promise<DemoWork>;
}

/** Asks the preview for a path; with a body, which is JSON, as a POST. */
export type AskPreview = (path: string, body?: string) => Promise<string>;

export interface DemoWork {
  readonly done: string;
  /** Where the preview shows it. */
  readonly path: string;
}

export interface DemoPush {
  readonly message: string;
  readonly files: Readonly<Record<string, FileChange>>;
  readonly shows: string;
  /** How the note counts what the branch then changes of its assets; undefined for an app that has none. */
  readonly changes?: string;
}
