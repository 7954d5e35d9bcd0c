import { ApiRefusal } from '../api-refusal.ts';
import { gitArchive, mergeBase, resolveCommit } from '../git/git.ts';
import { listTree } from '../git/list-tree.ts';
import { readCommit } from '../git/read-commit.ts';
import { paginate } from './paginate.ts';
import { type Call, notFound, ok, REPORTER, type Route, textOf } from './route.ts';

export const repositoryRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/projects/{id}/repository/commits/{sha}',
    level: REPORTER,
    handle: async (call) => {
      const sha = await resolveCommit(call.project.repository, call.params.sha ?? '');
      if (sha === null) throw notFound('Commit');
      return ok(await presentCommit(call, sha));
    },
  },
  {
    method: 'GET',
    path: '/projects/{id}/repository/tree',
    level: REPORTER,
    handle: async (call) => {
      const { repository, id, defaultBranch } = call.project;
      const sha = await resolveCommit(repository, textOf(call, 'ref') ?? defaultBranch);
      if (sha === null) throw new ApiRefusal(404, { message: '404 Tree Not Found' });
      const entries = await listTree(repository, sha, { recursive: call.input.recursive === true });
      return paginate(call, entries, { path: `/projects/${id}/repository/tree`, present: (entry) => entry });
    },
  },
  {
    method: 'GET',
    path: '/projects/{id}/repository/merge_base',
    level: REPORTER,
    // lib/api/repositories.rb
    handle: async (call) => {
      const refs = call.input.refs as string[];
      if (refs.length < 2) throw new ApiRefusal(400, { message: 'Provide at least 2 refs' });
      const shas = await Promise.all(refs.map((ref) => resolveCommit(call.project.repository, ref)));
      const unknown = refs.filter((_, index) => shas[index] === null);
      if (unknown.length > 0)
        throw new ApiRefusal(400, {
          message: `Could not find ref${unknown.length > 1 ? 's' : ''}: ${unknown.join(', ')}`,
        });
      const sha = await mergeBase(call.project.repository, shas as string[]);
      if (sha === null) throw notFound('Merge Base');
      return ok(await presentCommit(call, sha));
    },
  },
  {
    method: 'GET',
    path: '/projects/{id}/repository/branches/{branch}',
    level: REPORTER,
    handle: async (call) => {
      const name = call.params.branch ?? '';
      const sha = await resolveCommit(call.project.repository, `refs/heads/${name}`);
      if (sha === null) throw notFound('Branch');
      const isDefault = name === call.project.defaultBranch;
      return ok({
        name,
        merged: false,
        protected: isDefault,
        default: isDefault,
        commit: await presentCommit(call, sha),
      });
    },
  },
  {
    method: 'GET',
    path: '/projects/{id}/repository/archive.tar.gz',
    level: REPORTER,
    handle: async (call) => {
      const { repository, defaultBranch, path } = call.project;
      const ref = textOf(call, 'sha') ?? defaultBranch;
      const sha = await resolveCommit(repository, ref);
      if (sha === null) throw notFound('File');
      const name = `${path.split('/').at(-1)}-${ref}-${sha}`;
      return {
        status: 200,
        body: await gitArchive(repository, sha, `${name}/`),
        headers: {
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename="${name}.tar.gz"`,
        },
      };
    },
  },
];

async function presentCommit({ gitlab, project }: Call, sha: string) {
  const commit = await readCommit(project.repository, sha);
  const title = commit.message.split('\n')[0] ?? '';
  return {
    id: commit.sha,
    short_id: commit.sha.slice(0, 8),
    created_at: commit.committedAt,
    parent_ids: commit.parents,
    title: title.length > 255 ? `${title.slice(0, 252)}...` : title,
    message: commit.message,
    author_name: commit.authorName,
    author_email: commit.authorEmail,
    authored_date: commit.authoredAt,
    committer_name: commit.authorName,
    committer_email: commit.authorEmail,
    committed_date: commit.committedAt,
    trailers: {},
    extended_trailers: {},
    web_url: `${gitlab.url}/${project.path}/-/commit/${commit.sha}`,
    stats: null,
    status: null,
    project_id: project.id,
    last_pipeline: null,
  };
}
