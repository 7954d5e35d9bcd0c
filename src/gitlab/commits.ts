import { Branches, Commits, Repositories } from '@gitbeaker/rest';
import * as z from 'zod';
import type { CommitFacts, CommittedFile } from '../deployment/gitlab-facts.ts';
import { GitLabError } from '../errors.ts';
import { nullWhereMissing, readAnswer, readList } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

const commit = z
  .object({
    id: z.string(),
    title: z.string(),
    message: z.string().nullish(),
    author_name: z.string(),
    author_email: z.string(),
    committed_date: z.iso.datetime({ offset: true }),
    parent_ids: z.array(z.string()).default([]),
    web_url: z.string(),
  })
  .transform(
    (wire): CommitFacts => ({
      sha: wire.id,
      title: wire.title,
      message: wire.message ?? wire.title,
      authorName: wire.author_name,
      authorEmail: wire.author_email,
      timestamp: Math.floor(Date.parse(wire.committed_date) / 1000),
      parentShas: wire.parent_ids,
      webUrl: wire.web_url,
    }),
  );

const branch = z.object({ commit });

const LINK_MODE = '120000'; // git's own, for symbolic links

const treeEntry = z.object({ id: z.string(), path: z.string(), type: z.string(), mode: z.string() });

/** Commits (doc/api/commits.md), their files and what they have in common (doc/api/repositories.md), and branches (doc/api/branches.md). */
export function createCommits(
  options: ResourceOptions,
): Pick<GitLab, 'commit' | 'committedFiles' | 'mergeBase' | 'branchHead'> {
  const branches = new Branches(options);
  const commits = new Commits(options);
  const repositories = new Repositories(options);
  return {
    async commit(projectId, sha) {
      return readAnswer(commit, await commits.show(projectId, commitId(sha)), `commit ${sha}`);
    },

    async committedFiles(projectId, sha) {
      const pages = { ref: commitId(sha), recursive: true, perPage: 100 };
      const entries = await readList(treeEntry, repositories.allRepositoryTrees(projectId, pages), `files of ${sha}`);
      return entries
        .filter(({ type }) => type === 'blob')
        .map(({ id, path, mode }): CommittedFile => ({ id, path, kind: mode === LINK_MODE ? 'link' : 'file' }));
    },

    async mergeBase(projectId, sha, name) {
      const refs = [commitId(sha), `refs/heads/${name}`];
      const found = await nullWhereMissing(repositories.mergeBase(projectId, refs));
      return found && readAnswer(commit, found, `what ${sha} and ${name} have in common`);
    },

    async branchHead(projectId, name) {
      const found = await nullWhereMissing(branches.show(projectId, name));
      return found && readAnswer(branch, found, `branch ${name}`).commit;
    },
  };
}

/** GitLab would take a branch or `..` as well: only a commit's own name means one commit for good. */
function commitId(sha: string): string {
  if (/^[0-9a-f]{7,64}$/i.test(sha)) return sha;
  throw new GitLabError('invalid', `${JSON.stringify(sha)} is no commit id`);
}
