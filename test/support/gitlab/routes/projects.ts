import { ApiRefusal } from '../api-refusal.ts';
import { resolveCommit } from '../git/git.ts';
import { listTree } from '../git/list-tree.ts';
import { readCommit } from '../git/read-commit.ts';
import { paginate } from './paginate.ts';
import { presentProject, presentUser } from './present.ts';
import { GUEST, notFound, numberOf, ok, REPORTER, type Route, textOf } from './route.ts';

export const projectRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/version',
    level: null,
    handle: () => ok({ version: '19.1.0', revision: '0000000' }),
  },
  {
    method: 'GET',
    path: '/user',
    level: null,
    handle: ({ gitlab, user }) =>
      ok({
        ...presentUser(gitlab, user),
        email: `${user.username}@example.com`,
        bot: user.username.includes('_bot'),
        created_at: gitlab.time(),
      }),
  },
  {
    method: 'GET',
    path: '/personal_access_tokens/self',
    level: null,
    handle: ({ gitlab, user, token }) => {
      if (!token.startsWith('glpat-')) throw notFound('Personal Access Token');
      return ok({
        id: user.id,
        name: 'a token',
        revoked: false,
        created_at: gitlab.time(),
        scopes: user.scopes[token] ?? ['api'],
        user_id: user.id,
        active: true,
        expires_at: null,
      });
    },
  },
  {
    method: 'GET',
    path: '/projects/{id}',
    level: GUEST,
    handle: ({ gitlab, project }) => ok(presentProject(gitlab, project)),
  },
  {
    method: 'GET',
    path: '/projects/{id}/members/all/{user_id}',
    level: GUEST,
    handle: (call) => {
      const userId = numberOf(call, 'user_id');
      const level = call.gitlab.accessLevel(call.project, userId);
      if (level === 0) throw new ApiRefusal(404, { message: '404 Not found' });
      return ok({
        ...presentUser(call.gitlab, call.gitlab.user(userId)),
        access_level: level,
        membership_state: 'active',
        expires_at: null,
      });
    },
  },
  {
    method: 'GET',
    path: '/projects/{id}/repository/commits/{sha}',
    level: REPORTER,
    handle: async ({ gitlab, project, params }) => {
      const sha = await resolveCommit(project.repository, params.sha ?? '');
      if (sha === null) throw notFound('Commit');
      const commit = await readCommit(project.repository, sha);
      const title = commit.message.split('\n')[0] ?? '';
      return ok({
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
      });
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
];
