import { CiDoor } from '../../scenarios/ci-door.ts';
import { makeArchive } from '../../store/bundles/archives.ts';
import type { MergeRequest, User } from '../../support/gitlab/state.ts';
import { InstantRuntime } from '../../support/instant-runtime.ts';
import { until } from '../../support/poll.ts';
import { recordOutput } from '../../support/secret-search/output.ts';
import { openWorld, type World } from '../../support/world.ts';

export const TOKENS = {
  reporter: 'glpat-Rep0rterRep0rterRep0',
  developer: 'glpat-Dev3loperDev3loper3',
  oauth: 'b1a9c64bf0de5a8cb1a9c64bf0de5a8c',
  readOnly: 'glpat-Re4dOnlyRe4dOnlyRe4d',
  readOnlyOauth: 'c1a9c64bf0de5a8cb1a9c64bf0de5a8c',
  userOnly: 'glpat-Us3rOnlyUs3rOnlyUs3r',
  guest: 'glpat-GuestGuestGuestGues',
  stranger: 'glpat-StrangerStrangerSt',
  wrong: 'glpat-Wr0ngWr0ngWr0ngWr0n',
};

export interface ApiAnswer {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a client finds in JSON
  readonly json: any;
}

/** A service without pipelines, people with each role, and a client of `/api`. */
export class ApiWorld {
  readonly t: World;
  readonly door: CiDoor;
  readonly developer: User;
  readonly runtime: InstantRuntime;

  private constructor(t: World, runtime: InstantRuntime) {
    this.t = t;
    this.runtime = runtime;
    this.door = new CiDoor(t);
    const person = (username: string, level: number, tokens: string[]) => {
      const scopes = {
        [TOKENS.readOnly]: ['read_api'],
        [TOKENS.readOnlyOauth]: ['read_api'],
        [TOKENS.userOnly]: ['read_user'],
      };
      const user = t.gitlab.addUser(username, { name: `${username} name`, tokens, scopes });
      t.gitlab.addMember(t.project, user, level);
      return user;
    };
    person('rita', 20, [TOKENS.reporter]);
    person('gus', 10, [TOKENS.guest]);
    person('stan', 0, [TOKENS.stranger]);
    this.developer = person('dora', 30, [
      TOKENS.developer,
      TOKENS.oauth,
      TOKENS.readOnly,
      TOKENS.readOnlyOauth,
      TOKENS.userOnly,
    ]);
  }

  static async open(env: Readonly<Record<string, string>> = {}): Promise<ApiWorld> {
    const runtime = new InstantRuntime();
    return new ApiWorld(await openWorld({ pipelines: false, runtime, env }), runtime);
  }

  close(): Promise<void> {
    return this.t.close();
  }

  /** A merge request and its first revision; returns once that is decided. */
  async deploy(
    branch: string,
    files: Readonly<Record<string, string>> = {},
  ): Promise<{ name: string; mr: MergeRequest }> {
    const mr = await this.t.openMergeRequest(branch, { 'README.md': branch });
    return { name: await this.push(mr, files), mr };
  }

  /** One more revision of a merge request's deployment, from its head. */
  async push(mr: MergeRequest, files: Readonly<Record<string, string>> = {}): Promise<string> {
    const token = await this.door.token(this.door.job(this.door.pipeline(mr)));
    const name = /^url https?:\/\/([^.]+)/m.exec((await this.door.deploy(token, mr.iid)).text)?.[1] as string;
    const app = { '.branch-deployment.yml': 'start: "true"\nhealth: /\n', 'answer.txt': mr.sourceBranch, ...files };
    await this.door.upload(token, makeArchive(Object.entries(app).map(([path, content]) => ({ path, content }))));
    await until('the outcome', async () => /^exit/m.test((await this.door.call('GET', 'outcome', { token })).text));
    return name;
  }

  /** OAuth tokens, which have no prefix here, go into the header that is theirs. */
  async api(path: string, token: string | null, method = 'GET'): Promise<ApiAnswer> {
    const isOauth = token !== null && !token.startsWith('glpat-');
    const headers: Record<string, string> = isOauth
      ? { authorization: `Bearer ${token}` }
      : token === null
        ? {}
        : { 'private-token': token };
    const response = await fetch(`${this.t.serviceUrl}/api${path}`, { method, headers });
    const text = await response.text();
    recordOutput('answer', text);
    const type = response.headers.get('content-type') ?? '';
    return {
      status: response.status,
      type,
      headers: response.headers,
      text,
      json: type.includes('json') ? JSON.parse(text) : undefined,
    };
  }

  /** How often GitLab was asked with this user's token. */
  asked(username: string | null): number {
    return this.t.gitlab.requests.filter((request) => request.user === username).length;
  }
}
