import { expect, test } from 'vitest';
import { renderMarkdown } from '../support/gitlab/pages/markdown.ts';
import { withGitLab } from './with-gitlab.ts';

test('the page of a merge request shows its note, environment link and pipeline, and the job its trace', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, ada, bot }) => {
    const ref = 'refs/merge-requests/1/head';
    const pipeline = gitlab.createPipeline({
      project,
      sha: mergeRequest.sha,
      ref,
      source: 'merge_request_event',
      user: ada,
      mergeRequest,
    });
    const job = gitlab.addJob(pipeline, {
      name: 'deploy',
      stage: 'deploy',
      environmentName: 'review/mr-1',
      environmentAction: 'start',
    });
    gitlab.finishDeployment(gitlab.startDeployment(job, {}), 'success', { externalUrl: 'https://mr-1.example.com' });
    job.trace = '\u001b[32;1mdone\u001b[0m <b>';
    await gitlab.comment(
      project,
      1,
      bot,
      '| App | State |\n|---|---|\n| web | **running** |\n\n<details><summary>Log</summary>\n\n`x`\n\n</details>',
    );
    const page = await (await fetch(`${gitlab.url}/data/platform/-/merge_requests/1`)).text();
    expect(page).toContain('<a class="button" href="https://mr-1.example.com" rel="noopener">View app</a>');
    expect(page).toContain('<td><strong>running</strong></td>');
    expect(page).toContain('<details><summary>Log</summary>');
    const trace = await (await fetch(`${gitlab.url}/data/platform/-/jobs/${job.id}`)).text();
    expect(trace).toContain('done &lt;b&gt;');
    expect(await (await fetch(gitlab.url)).text()).toContain('/data/platform/-/merge_requests/1');
    expect((await fetch(`${gitlab.url}/data/platform/-/commit/${mergeRequest.sha}`)).status).toBe(200);
    await gitlab.closeMergeRequest(mergeRequest, ada);
    expect(await (await fetch(`${gitlab.url}/data/platform/-/merge_requests/1`)).text()).not.toContain('View app');
    expect(gitlab.violations).toEqual([]);
    expect((await fetch(`${gitlab.url}/nothing`)).status).toBe(501);
  }));

test('a note cannot bring in scripts, handlers or images', () => {
  const html = renderMarkdown(
    '<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> <details open onclick="x()">a</details> [l](javascript:alert(1)) ![i](https://e/x.png)',
  );
  expect(html).not.toMatch(/<script|<img|<details o|javascript:/);
  expect(html).toContain('&lt;script&gt;');
});
