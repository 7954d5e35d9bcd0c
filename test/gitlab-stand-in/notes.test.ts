import { expect, test } from 'vitest';
import { findMentions } from '../support/gitlab/acts/mentions.ts';
import { extractQuickActions } from '../support/gitlab/acts/quick-actions.ts';
import { withGitLab } from './with-gitlab.ts';

const path = (projectId: number) => `/projects/${projectId}/merge_requests/1/notes`;

test('quick actions in a note that comes through the API are executed and taken out', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, call }) => {
    const { status, body } = await call('POST', path(project.id), {
      body: 'Deployed.\n/label ~preview ~"needs review"\n/title Three\nBye',
    });
    expect([status, body.body]).toEqual([201, 'Deployed.\nBye']);
    expect(mergeRequest).toMatchObject({ title: 'Three', labels: ['preview', 'needs review'] });
    expect(gitlab.quickActions.map(({ name, username }) => `${name} by ${username}`)).toEqual([
      'label by project_1_bot',
      'title by project_1_bot',
    ]);
  }));

test('a note of nothing but commands makes no note', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, call }) => {
    const answer = await call('POST', path(project.id), { body: '/close' });
    expect([answer.status, answer.body.commands_changes]).toEqual([202, { state_event: 'close' }]);
    expect(gitlab.notes(project, 1)).toEqual([]);
    expect(mergeRequest.state).toBe('closed');
  }));

test('an edited note executes its commands too', () =>
  withGitLab(async ({ gitlab, project, bot, mergeRequest }) => {
    const note = await gitlab.comment(project, 1, bot, 'log:');
    await gitlab.editNoteAs(project, 1, note?.id ?? 0, bot, 'log:\n/merge');
    expect(mergeRequest.state).toBe('merged');
    expect(gitlab.notes(project, 1)).toMatchObject([{ body: 'log:', edits: 1 }]);
  }));

test.each([
  ['fenced code', '```\n/close\n```'],
  ['a longer fence', '````\n```\n/close\n```\n````'],
  ['a tilde fence', '~~~\n/close\n~~~'],
  ['a quote block', '>>>\n/close\n>>>'],
  ['an HTML block', '<details>\n/close\n</details>'],
  ['the middle of a line', 'see /close'],
  ['a command of others', '/deploy\n/undeploy'],
])('no command is taken from %s', (_, body) => {
  expect(extractQuickActions(body)).toEqual({ actions: [], text: body });
});

test.each([
  ['after a fence that is closed', '```\nx\n```\n/close'],
  ['after a fold that a blank line ended', '<details>\n\n/close\n</details>'],
  ['in any case', '/CLOSE'],
  ['after a Windows line end', 'x\r\n/close\r\n'],
])('a command is taken %s', (_, body) => {
  expect(extractQuickActions(body).actions).toEqual([{ name: 'close', argument: '' }]);
});

test('a note of nothing but an emoji becomes an award', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, call }) => {
    expect((await call('POST', path(project.id), { body: ':rocket:' })).body).toMatchObject({
      name: 'rocket',
      awardable_type: 'MergeRequest',
    });
    expect(gitlab.notes(project, 1)).toEqual([]);
    expect(mergeRequest.emojis).toMatchObject([{ name: 'rocket' }]);
  }));

test('a note of more than a million characters is refused', () =>
  withGitLab(async ({ project, call }) => {
    expect((await call('POST', path(project.id), { body: 'x'.repeat(1_000_001) })).status).toBe(400);
    expect((await call('POST', path(project.id), { body: 'x'.repeat(1_000_000) })).status).toBe(201);
  }));

test('only their author and Maintainers change notes', () =>
  withGitLab(async ({ gitlab, project, ada, bot, call }) => {
    const note = await gitlab.comment(project, 1, ada, 'mine');
    expect((await call('PUT', `${path(project.id)}/${note?.id}`, { body: 'yours' })).status).toBe(403);
    gitlab.addMember(project, bot, 40);
    expect((await call('PUT', `${path(project.id)}/${note?.id}`, { body: 'yours' })).status).toBe(200);
  }));

test('mentions are found where GitLab would send an e-mail, and nowhere else', () => {
  expect(
    findMentions(
      '@ada, **@grace** and (@data/team)\n\n| a |\n|---|\n| @cell |\n\n<details>\n@fold\n</details>\n\n&#64;entity',
    ),
  ).toEqual(['ada', 'grace', 'data/team', 'cell', 'fold', 'entity']);
  expect(
    findMentions('`@code` \\@escaped me@example.com <!-- @hidden -->\n\n```\n@fence\n```\n\n    @indented'),
  ).toEqual([]);
});

test('a mention in a note is recorded', () =>
  withGitLab(async ({ gitlab, project, bot }) => {
    await gitlab.comment(project, 1, bot, 'Pushed by @ada');
    expect(gitlab.mentions).toMatchObject([{ username: 'ada', iid: 1 }]);
  }));
