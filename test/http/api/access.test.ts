import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCallers } from '../../../src/gitlab/callers.ts';
import { type Access, createAccess } from '../../../src/http/api/access.ts';
import { StandInGitLab } from '../../support/gitlab/stand-in.ts';
import type { Project, User } from '../../support/gitlab/state.ts';

const MINUTE = 60_000;
const token = (value: string) => ({ header: 'private-token' as const, value });

let gitlab: StandInGitLab;
let project: Project;
let dee: User;
let clock: number;
let access: Access;

beforeAll(async () => {
  gitlab = await StandInGitLab.start();
  project = await gitlab.addProject({ path: 'data/shop' });
  dee = gitlab.addUser('dee');
});
afterAll(() => gitlab.close());
beforeEach(() => {
  clock = 1_000_000;
  gitlab.requests.length = 0;
  gitlab.addMember(project, dee, 30);
  access = createAccess({ gitlabOf: createCallers({ url: gitlab.url, userAgent: 'test' }), now: () => clock });
});

const roleOfDee = async () => access.role(await access.identify(token('glpat-dee')), project.id);
const rejected = { name: 'ProblemError', status: 401 };

describe("what is remembered of GitLab's answers", () => {
  it('is good for five minutes', async () => {
    expect(await roleOfDee()).toBe(30);
    gitlab.addMember(project, dee, 0);
    clock += 4.9 * MINUTE;
    expect(await roleOfDee()).toBe(30);
    expect(gitlab.requests).toHaveLength(2);
    clock += 0.2 * MINUTE;
    expect(await roleOfDee()).toBe(0);
    expect(gitlab.requests).toHaveLength(4);
  });

  it('is good for one minute where it was no: who becomes a member sees so soon', async () => {
    gitlab.addMember(project, dee, 0);
    expect(await roleOfDee()).toBe(0);
    gitlab.addMember(project, dee, 20);
    clock += 0.9 * MINUTE;
    expect(await roleOfDee()).toBe(0);
    clock += 0.2 * MINUTE;
    expect(await roleOfDee()).toBe(20);
  });

  it('is a rejection for one minute', async () => {
    await expect(access.identify(token('glpat-new'))).rejects.toMatchObject(rejected);
    dee.tokens.push('glpat-new');
    await expect(access.identify(token('glpat-new'))).rejects.toMatchObject(rejected);
    expect(gitlab.requests).toHaveLength(1);
    clock += 1.1 * MINUTE;
    expect(await access.identify(token('glpat-new'))).toMatchObject({ username: 'dee' });
  });

  it('tells apart a token in one header and the same in the other', async () => {
    await access.identify(token('glpat-dee'));
    await access.identify({ header: 'bearer', value: 'glpat-dee' });
    expect(gitlab.requests).toHaveLength(2);
  });
});

describe('tokens at random', () => {
  it('make few questions at once, and too many of them are turned away', async () => {
    gitlab.faults.add({ match: { path: /\/user$/ }, act: { delayMs: 20 } });
    let open = 0;
    let most = 0;
    const callers = createCallers({ url: gitlab.url, userAgent: 'test' });
    access = createAccess({
      now: () => clock,
      gitlabOf: (given) => ({
        ...callers(given),
        async currentUser() {
          open += 1;
          most = Math.max(most, open);
          return callers(given)
            .currentUser()
            .finally(() => {
              open -= 1;
            });
        },
      }),
    });
    const answers = await Promise.allSettled(
      Array.from({ length: 230 }, (_, n) => access.identify(token(`glpat-guess-${n}`))),
    );
    gitlab.faults.clear();
    const reasons = answers.map((answer) => (answer.status === 'rejected' ? answer.reason : undefined));
    expect(reasons.filter((r) => r?.status === 401)).toHaveLength(208);
    expect(reasons.filter((r) => r?.failure === 'rate-limited')).toHaveLength(22);
    expect(most).toBe(8);
    expect(gitlab.requests).toHaveLength(208);
  });
});
