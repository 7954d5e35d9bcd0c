import { Users } from '@gitbeaker/rest';
import { person, readAnswer } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

/** The bot user: the one that the token belongs to (doc/api/users.md). */
export function createUsers(options: ResourceOptions): Pick<GitLab, 'currentUser'> {
  const users = new Users(options);
  return {
    currentUser: async () => readAnswer(person, await users.showCurrentUser(), 'the user of the token'),
  };
}
