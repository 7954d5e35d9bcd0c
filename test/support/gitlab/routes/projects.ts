import { ApiRefusal } from '../api-refusal.ts';
import { presentProject, presentUser } from './present.ts';
import { GUEST, notFound, numberOf, ok, type Route } from './route.ts';

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
];
