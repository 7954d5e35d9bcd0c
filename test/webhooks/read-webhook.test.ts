import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWebhook } from '../../src/webhooks/read-webhook.ts';

type Json = Record<string, unknown>;

function fixture(name: string, change: (body: Json) => void = () => undefined): Json {
  const body = JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as Json;
  change(body);
  return body;
}

const noteSaying = (note: string, attributes: Json = {}) =>
  fixture('note', (body) => Object.assign(body.object_attributes as Json, { note, ...attributes }));

const told = {
  state: 'opened',
  title: 'MS-Viewport',
  targetBranch: 'main',
  headSha: 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
};
const environment = { kind: 'environment', projectId: 30, name: 'review/mr-7' };
const withStatus = (name: string, status: string) =>
  fixture(name, (body) => Object.assign((body.object_attributes as Json | undefined) ?? body, { status }));

describe('what GitLab sends becomes hints', () => {
  it.each([
    ['Merge Request Hook', fixture('merge-request'), { kind: 'merge-request', projectId: 1, iid: 7, told }],
    [
      'Push Hook',
      fixture('push'),
      { kind: 'branch', projectId: 15, branch: 'feature/dagster-1.12', headSha: told.headSha },
    ],
    ['Note Hook', fixture('note'), { kind: 'comment', projectId: 5, iid: 3, noteId: 1244 }],
    ['Confidential Note Hook', fixture('note'), { kind: 'comment', projectId: 5, iid: 3, noteId: 1244 }],
    ['Pipeline Hook', fixture('pipeline'), { kind: 'pipeline-success', projectId: 8, iid: 1 }],
    [
      'Deployment Hook',
      fixture('deployment'),
      { ...environment, url: 'https://mr-7-demo-bcdfghjk.previews.example.com' },
    ],
  ])('a %s is read', (event, body, hint) => {
    expect(readWebhook(event, body)).toEqual({ accepted: true, hints: [hint] });
  });

  it.each(['open', 'close', 'reopen', 'update', 'merge', 'approved', 'something-new', undefined])(
    'a merge request with action %s is looked at: only its state counts',
    (action) => {
      const body = fixture('merge-request', (payload) => Object.assign(payload.object_attributes as Json, { action }));
      expect(readWebhook('Merge Request Hook', body)).toMatchObject({ accepted: true });
    },
  );

  it.each(['opened', 'locked', 'closed', 'merged', 7])(
    'a merge request that is said to be %s is a hint all the same',
    (state) => {
      const body = fixture('merge-request', (payload) => Object.assign(payload.object_attributes as Json, { state }));
      const said = typeof state === 'string' ? { told: { ...told, state } } : {};
      const hint = { kind: 'merge-request', projectId: 1, iid: 7, ...said };
      expect(readWebhook('Merge Request Hook', body)).toEqual({ accepted: true, hints: [hint] });
    },
  );

  it.each(['failed', 'canceled', 'skipped'])('a pipeline that is %s has its merge request looked at', (status) => {
    const hint = { kind: 'merge-request', projectId: 8, iid: 1 };
    expect(readWebhook('Pipeline Hook', withStatus('pipeline', status))).toEqual({ accepted: true, hints: [hint] });
  });

  it.each(['failed', 'canceled', 'something-new'])(
    'a deployment that is %s has its environment looked at, whatever its link',
    (status) => {
      const hint = { ...environment, url: null };
      expect(readWebhook('Deployment Hook', withStatus('deployment', status))).toEqual({
        accepted: true,
        hints: [hint],
      });
    },
  );

  it('a fork is known by the target project', () => {
    const reading = readWebhook('Merge Request Hook', fixture('merge-request'));
    expect(reading).toMatchObject({ hints: [{ projectId: 1 }] });
  });

  it.each(['/deploy', '/undeploy', '/sleep', '/wake', 'text\n/deploy 1a2b3c4d\nmore'])('%j is a command', (note) => {
    expect(readWebhook('Note Hook', noteSaying(note))).toMatchObject({ accepted: true });
  });

  it('a comment of GitLab before 16.11, which tells no action, is read', () => {
    expect(readWebhook('Note Hook', noteSaying('/deploy', { action: undefined }))).toMatchObject({ accepted: true });
  });

  it('the deletion of a branch is a hint like any push', () => {
    const body = fixture('push', (payload) => Object.assign(payload, { after: '0'.repeat(40), checkout_sha: null }));
    expect(readWebhook('Push Hook', body)).toMatchObject({ accepted: true });
  });
});

describe('everything else is turned down with a reason', () => {
  it.each([
    ['no header', undefined, {}, 'no X-Gitlab-Event header'],
    ['an event nobody wants', 'Wiki Page Hook', {}, 'events of kind "Wiki Page Hook" are not used'],
    ['a name that every object has', 'constructor', {}, 'events of kind "constructor" are not used'],
    ['talk', 'Note Hook', noteSaying('please /deploy this'), 'the comment holds no command'],
    ['an unknown command', 'Note Hook', noteSaying('/deployment'), 'the comment holds no command'],
    ['a system note', 'Note Hook', noteSaying('/deploy', { system: true }), 'the comment is a system note'],
    ['an edited comment', 'Note Hook', noteSaying('/deploy', { action: 'update' }), 'the comment is not new'],
    [
      'a comment on an issue',
      'Note Hook',
      noteSaying('/deploy', { noteable_type: 'Issue' }),
      'the comment is not on a merge request',
    ],
    [
      'a tag',
      'Push Hook',
      fixture('push', (body) => Object.assign(body, { ref: 'refs/tags/v1' })),
      'the push is not to a branch',
    ],
    [
      'a branch pipeline',
      'Pipeline Hook',
      fixture('pipeline', (body) => Object.assign(body, { merge_request: null })),
      'the pipeline belongs to no merge request',
    ],
    ['a pipeline on its way', 'Pipeline Hook', withStatus('pipeline', 'running'), 'the pipeline has not ended'],
    ['a deployment on its way', 'Deployment Hook', withStatus('deployment', 'running'), 'the deployment has not ended'],
    ['no JSON', 'Push Hook', undefined, 'the payload of this Push Hook is malformed at the body'],
    ['a list', 'Push Hook', [], 'the payload of this Push Hook is malformed at the body'],
    [
      'an iid that is none',
      'Merge Request Hook',
      fixture('merge-request', (body) => Object.assign(body.object_attributes as Json, { iid: '7; drop' })),
      'the payload of this Merge Request Hook is malformed at object_attributes.iid',
    ],
    [
      'a missing part',
      'Deployment Hook',
      fixture('deployment', (body) => Object.assign(body, { project: null })),
      'the payload of this Deployment Hook is malformed at project',
    ],
    [
      'a command without its merge request',
      'Note Hook',
      fixture('note', (body) => Object.assign(body, { merge_request: undefined })),
      'the payload of this Note Hook is malformed at merge_request',
    ],
  ])('%s', (_what, event, body, reason) => {
    expect(readWebhook(event, body)).toEqual({ accepted: false, reason });
  });

  it('no body whatsoever makes it throw', () => {
    const events = ['Merge Request Hook', 'Push Hook', 'Note Hook', 'Pipeline Hook', 'Deployment Hook', 'System Hook'];
    fc.assert(
      fc.property(fc.constantFrom(...events), fc.jsonValue(), (event, body) => {
        expect(typeof readWebhook(event, body).accepted).toBe('boolean');
      }),
    );
  });
});
