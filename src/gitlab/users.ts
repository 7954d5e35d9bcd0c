import { Users } from '@gitbeaker/rest';
import type { PersonFacts } from '../deployment/gitlab-facts.ts';
import { person, readAnswer } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

/** The bot user: the one that the token belongs to (doc/api/users.md). */
export function createUsers(options: ResourceOptions): Pick<GitLab, 'currentUser' | 'ownUser'> {
  const users = new Users(options);
  const currentUser = async () => readAnswer(person, await users.showCurrentUser(), 'the user of the token');
  let own: Promise<PersonFacts> | undefined;
  return {
    currentUser,
    ownUser() {
      own ??= currentUser().catch((error: unknown) => {
        own = undefined;
        throw error;
      });
      return own;
    },
  };
}
