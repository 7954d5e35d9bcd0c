import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, TOKENS } from '../http/api/api-world.ts';
import { until } from '../support/poll.ts';
import { parseExposition, type Samples } from './parse-exposition.ts';

let w: ApiWorld;
let text: string;
let samples: Samples;
/** What GitLab had been asked when the scrape was answered. */
let asked: Array<{ readonly user: string | null }>;

/** The samples of one family, by their labels. */
const family = (name: string) =>
  Object.fromEntries(
    [...samples].flatMap(([key, value]) => {
      const found = new RegExp(`^branch_deployments_${name}(?:\\{(.*)\\})?$`).exec(key);
      return found ? [[found[1] ?? '', value] as const] : [];
    }),
  );
const sum = (of: Record<string, number>, label = '') =>
  Object.entries(of).reduce((all, [labels, value]) => all + (labels.includes(label) ? value : 0), 0);

/** One life of a merge request with all that is counted in it, and a scrape at its end. */
beforeAll(async () => {
  // The sweep's own requests come later than the scrape.
  w = await ApiWorld.open({ BD_SWEEP_EVERY: '12h' });
  const { t } = w;
  t.gitlab.faults.add({ match: { method: 'POST', path: /\/notes$/ }, times: 1, act: { status: 500, body: 'away' } });
  const { mr } = await w.deploy('feature');
  await until('the note, at its second try', () => t.note(mr.iid) !== undefined);
  await w.push(mr, { 'exit.txt': '3' });
  await w.api('/deployments', TOKENS.wrong);

  const wrong = { 'x-gitlab-event': 'Evil "} Hook', 'x-gitlab-token': 'guessed' };
  await fetch(`${t.serviceUrl}/webhooks/gitlab`, { method: 'POST', headers: wrong, body: '{}' });
  mkdirSync(join(w.runtime.directory, 'nobodys-r1'));
  await t.service.sweep();

  t.gitlab.faults.add({
    match: { method: 'GET', path: /\/merge_requests\/\d+$/ },
    times: 1,
    act: { status: 502, body: 'away', headers: { 'RateLimit-Remaining': '1987' } },
  });
  await t.gitlab.mergeMergeRequest(mr, t.dev);
  await until('it to be stopped', async () => (await w.api('/deployments?state=stopped', TOKENS.reporter)).json.length);
  await t.settled();
  const response = await fetch(`${t.serviceUrl}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  text = await response.text();
  asked = w.t.gitlab.requests.filter(({ path }) => path.startsWith('/api/v4/'));
  samples = parseExposition(text);
});
afterAll(() => w.close());

describe('/metrics after the life of a merge request', () => {
  it('counts its revisions, and the time from push to healthy', () => {
    expect(family('revisions_total')).toEqual({
      'preset="command",outcome="healthy"': 1,
      'preset="command",outcome="failed"': 1,
    });
    expect(family('push_to_healthy_seconds_count')).toEqual({ 'preset="command"': 1 });
    const seconds = family('push_to_healthy_seconds_sum')['preset="command"'] as number;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(30);
  });

  it('counts deployments by phase', () => {
    expect(family('deployments')).toEqual({
      'phase="queued"': 0,
      'phase="deploying"': 0,
      'phase="running"': 0,
      'phase="failed"': 0,
      'phase="stopping"': 0,
      'phase="stopped"': 1,
    });
  });

  it('counts every webhook, and what became of it', () => {
    const { deliveries } = w.t.gitlab;
    const counted = family('webhooks_total');
    for (const [event, name] of [
      ['Merge Request Hook', 'merge_request'],
      ['Push Hook', 'push'],
    ] as const) {
      const sent = deliveries.filter((delivery) => delivery.event === event);
      expect(sent.length).toBeGreaterThan(0);
      expect(sum(counted, `event="${name}"`)).toBe(sent.length);
    }
    expect(counted['event="merge_request",outcome="accepted"']).toBe(1);
    expect(counted['event="other",outcome="refused"']).toBe(1);
    expect(sum(counted)).toBe(deliveries.length + 1);
  });

  it('counts every request to GitLab with what came of it, and tells what is left of the rate limit', () => {
    const counted = family('gitlab_requests_total');
    expect(sum(counted, 'by="service"')).toBe(asked.filter(({ user }) => user === 'previews-bot').length);
    expect(counted['by="service",method="GET",outcome="5xx"']).toBe(1);
    expect(counted['by="service",method="POST",outcome="5xx"']).toBe(1);
    expect(counted['by="caller",method="GET",outcome="401"']).toBe(1);
    expect(sum(family('gitlab_request_duration_seconds_count'))).toBe(asked.length);
    expect(family('gitlab_rate_limit_remaining')).toEqual({ '': 1987 });
  });

  it('counts uploads with their bytes, failures of work, and repairs', () => {
    expect(family('uploads_total')).toEqual({ 'outcome="taken"': 2 });
    expect(family('upload_bytes_total')['']).toBeGreaterThan(200);
    expect(family('work_failures_total')).toEqual({ 'kind="note"': 1 });
    expect(family('sweep_repairs_total')).toEqual({ 'kind="instance"': 1 });
    expect(family('work_oldest_due_seconds')['']).toBeLessThan(30);
  });

  it('has the metrics of the process, and the version', () => {
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
    expect(samples.get('nodejs_eventloop_lag_seconds')).toBeDefined();
    expect(family('build_info')).toEqual({ 'version="1.0.0"': 1 });
  });

  it('names no project, no merge request and no person', () => {
    for (const name of ['data/shop', 'feature', 'mr-1', 'dora', 'Dee', 'Evil']) expect(text).not.toContain(name);
  });
});
