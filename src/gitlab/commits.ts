import { Commits } from '@gitbeaker/rest';
import * as z from 'zod';
import type { CommitFacts } from '../deployment/gitlab-facts.ts';
import { GitLabError } from '../errors.ts';
import { readAnswer } from './answers.ts';
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

/** Commits (doc/api/commits.md). */
export function createCommits(options: ResourceOptions): Pick<GitLab, 'commit'> {
  const commits = new Commits(options);
  return {
    async commit(projectId, sha) {
      // GitLab would take a branch or `..` as well: only a commit's own name means one commit for good.
      if (!/^[0-9a-f]{7,64}$/i.test(sha)) throw new GitLabError('invalid', `${JSON.stringify(sha)} is no commit id`);
      return readAnswer(commit, await commits.show(projectId, sha), `commit ${sha}`);
    },
  };
}
