import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mergeRequestOf, type Scale } from './rows.ts';

/** What a sweep sees of GitLab. */
export interface QuietGitLab {
  url: string;
  /** Text of each merge request's note, by `<project>/<merge request>`. */
  notes: ReadonlyMap<string, string>;
  close(): void;
}

const BOT = { id: 1, username: 'bot', name: 'Bot' };
const AUTHOR = { id: 2, username: 'dee', name: 'Dee' };

/** Answers what a sweep asks, out of the same numbers as the database's rows: the stand-in's projects have a git repository each, which takes minutes. */
export async function startQuietGitLab(scale: Scale): Promise<QuietGitLab> {
  const gitlab: QuietGitLab = { url: '', notes: new Map(), close: () => server.close() };
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://gitlab');
    const answer = answerOf(url, scale, gitlab);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: '404 Not Found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  gitlab.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return gitlab;
}

function answerOf(url: URL, scale: Scale, { url: gitlabUrl, notes }: QuietGitLab): unknown {
  if (url.pathname === '/api/v4/user') return BOT;
  if (/\/members\/all\/1$/.test(url.pathname)) return { id: 1, access_level: 40, state: 'active' };
  const [, project, list, one, notesOfOne] =
    /^\/api\/v4\/projects\/(\d+)\/(merge_requests|environments)(?:\/(\d+)(\/notes)?)?$/.exec(url.pathname) ?? [];
  if (list === 'environments') return [];
  if (list === 'merge_requests' && one !== undefined && notesOfOne) return [note(one)];
  if (list === 'merge_requests' && one !== undefined) return wire(numberOf(one));
  if (list !== 'merge_requests') return undefined;
  return url.searchParams.getAll('iids[]').map((iid) => wire(numberOf(iid)));

  function numberOf(iid: string): number {
    return (Number(iid) - 1) * scale.projects + Number(project) - 1;
  }

  /** As the database has it: the id of a note is that of its merge request's row. */
  function note(iid: string) {
    const body = notes.get(`${project}/${iid}`) ?? '';
    return { id: numberOf(iid) + 1, body, system: false, author: BOT, created_at: '2026-01-01T00:00:00.000Z' };
  }

  function wire(n: number) {
    const mr = mergeRequestOf(n, scale, { gitlabUrl });
    return {
      ...{ iid: mr.iid, project_id: mr.projectId, state: mr.state, title: mr.title, draft: false, web_url: mr.webUrl },
      ...{ source_project_id: mr.projectId, source_branch: mr.branch, target_branch: 'main', sha: mr.sha },
      ...{ author: AUTHOR, references: { full: `${mr.path}!${mr.iid}` }, user_notes_count: 1 },
      updated_at: '2026-01-01T00:00:00.000Z',
    };
  }
}
