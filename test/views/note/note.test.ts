import { describe, expect, it } from 'vitest';
import { isMarked } from '../../../src/views/note/marker.ts';
import type { NoteApp } from '../../../src/views/note/model.ts';
import { renderNote } from '../../../src/views/note/note.ts';
import { app, note, revision } from './models.ts';

const OLD = 'f00dfeed5e6f708192a3b4c5d6e7f8091a2b3c4d';

describe('the note', () => {
  it('of a running preview', () => {
    expect(renderNote(note([app()]))).toMatchInlineSnapshot(`
      "<!-- branch-deployments -->
      ### Branch deployment

      | App | Status | Commit | Updated |
      |---|---|---|---|
      | **platform**<br>[Open preview](http://mr-7-platform-bcdfghjk.previews.example.com:8080) | ✅ Running | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC<br>took 12 s |

      Comment \`/deploy\` to run the latest commit again, \`/undeploy\` to take it down (Developers and up).
      "
    `);
  });

  it('before the first revision was launched', () => {
    const queued = app({ phase: 'queued', servingSha: null, latest: revision({ tookMs: null }) });
    expect(renderNote(note([queued]))).toMatchInlineSnapshot(`
      "<!-- branch-deployments -->
      ### Branch deployment

      | App | Status | Commit | Updated |
      |---|---|---|---|
      | **platform**<br>[Open preview](http://mr-7-platform-bcdfghjk.previews.example.com:8080) | 🕐 Queued | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC |

      Comment \`/deploy\` to run the latest commit again, \`/undeploy\` to take it down (Developers and up).
      "
    `);
  });

  it('of an app that waits for a place, and for whom', () => {
    const waiting = (queue: NonNullable<NoteApp['queue']>) =>
      renderNote(note([app({ phase: 'queued', servingSha: null, latest: revision({ tookMs: null }), queue })]));
    const holders = [
      { iid: 12, places: 1 },
      { iid: 15, places: 2 },
    ];
    const text = waiting({ place: 2, limit: 4, holders, elsewhere: 1 });
    expect(text).toContain('| 🕐 Queued<br>place 2 in the queue |');
    expect(text).toContain(
      '**platform** waits for a place (number 2 in the queue). All 4 places are taken by !12, !15 (2 places) and 1 of other projects. ' +
        'It starts by itself when its turn comes; `/undeploy` in another merge request frees a place sooner.',
    );
    expect(waiting({ place: 1, limit: 1, holders: [], elsewhere: 1 })).toContain(
      'The one place is taken by 1 of other projects. ',
    );
  });

  it('of a fork whose head nobody has approved', () => {
    const held = app({ phase: 'queued', held: true, servingSha: OLD, latest: revision({ tookMs: null }) });
    const text = renderNote({ mergeRequest: { state: 'opened', toApprove: revision().sha }, apps: [held] });
    expect(text).toContain('| ✋ Waits for approval<br>still serving `f00dfeed` |');
    expect(text).toContain(
      'Look through the changes first; then comment `/deploy 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d`. A new push needs a new approval.',
    );
    expect(text).not.toContain('Comment `/deploy`');
  });

  it('of a second push on its way, while the first one serves', () => {
    const deploying = app({ phase: 'deploying', servingSha: OLD, latest: revision({ tookMs: null }) });
    expect(renderNote(note([deploying]))).toMatchInlineSnapshot(`
      "<!-- branch-deployments -->
      ### Branch deployment

      | App | Status | Commit | Updated |
      |---|---|---|---|
      | **platform**<br>[Open preview](http://mr-7-platform-bcdfghjk.previews.example.com:8080) | 🚧 Deploying<br>still serving \`f00dfeed\` | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC |

      Comment \`/deploy\` to run the latest commit again, \`/undeploy\` to take it down (Developers and up).
      "
    `);
  });

  it('of a failed push, with its code locations and log', () => {
    const failed = app({
      phase: 'failed',
      servingSha: OLD,
      error: {
        message: '1 of 2 code locations did not load: etl',
        logLines: ['Starting the code server', '\x1b[31m/usr/bin/python: No module named etl\x1b[0m', '```', '/merge'],
      },
      parts: [
        { name: 'ml', state: 'healthy' },
        {
          name: 'etl',
          state: 'failed',
          message: 'ModuleNotFoundError: No module named \'pandas\'\n\n  File "/srv/tree/etl.py", line 1',
        },
      ],
    });
    expect(renderNote(note([failed]))).toMatchInlineSnapshot(`
      "<!-- branch-deployments -->
      ### Branch deployment

      | App | Status | Commit | Updated |
      |---|---|---|---|
      | **platform**<br>[Open preview](http://mr-7-platform-bcdfghjk.previews.example.com:8080) | ❌ Failed<br>still serving \`f00dfeed\` | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC<br>took 12 s |

      **platform** failed: \`1 of 2 code locations did not load: etl\`

      <details>
      <summary>Error and last log lines</summary>

      Last lines of the log:

      \`\`\`\`text
      Starting the code server
      ​/usr/bin/python: No module named etl
      \`\`\`
      ​/merge
      \`\`\`\`

      </details>

      <details>
      <summary>Code locations: 1 of 2 loaded</summary>

      | Code location | Status |
      |---|---|
      | ml | ✅ Loaded |
      | etl | ❌ Failed |

      **etl**

      \`\`\`text
      ModuleNotFoundError: No module named 'pandas'

        File "/srv/tree/etl.py", line 1
      \`\`\`

      </details>

      Comment \`/deploy\` to run the latest commit again, \`/undeploy\` to take it down (Developers and up).
      "
    `);
  });

  it('of a healthy push, of whose code locations one is broken and may be, and one has a warning', () => {
    const parts = [
      { name: 'ml', state: 'healthy' as const },
      { name: 'etl', state: 'failed' as const, message: 'ValueError: no' },
      { name: 'empty', state: 'healthy' as const, message: 'it has no | asset\n/merge <b>@all' },
    ];
    const text = renderNote(note([app({ parts })]));

    expect(text).toContain('| ✅ Running |');
    expect(text.slice(text.indexOf('<details>'), text.indexOf('</details>'))).toMatchInlineSnapshot(`
      "<details>
      <summary>Code locations: 2 of 3 loaded, 1 with a warning</summary>

      | Code location | Status |
      |---|---|
      | ml | ✅ Loaded |
      | etl | ❌ Failed |
      | empty | ⚠️ Loaded: it has no \\| asset \\/merge \\<b\\>\\@all |

      **etl**

      \`\`\`text
      ValueError: no
      \`\`\`

      "
    `);
  });

  it('of several apps, each in its own state', () => {
    const apps = [
      app({ label: 'web' }),
      app({ label: 'etl', phase: 'stopping', servingSha: null, stopReason: 'undeployed' }),
      app({
        label: 'api',
        phase: 'failed',
        servingSha: null,
        error: { message: 'setup ended with exit code 1', logLines: [] },
      }),
    ];
    expect(renderNote(note(apps))).toMatchInlineSnapshot(`
      "<!-- branch-deployments -->
      ### Branch deployments

      | App | Status | Commit | Updated |
      |---|---|---|---|
      | **web**<br>[Open preview](http://mr-7-platform-bcdfghjk.previews.example.com:8080) | ✅ Running | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC<br>took 12 s |
      | **etl** | ⏳ Stopping<br>taken down with \`/undeploy\` | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC<br>took 12 s |
      | **api**<br>[Open preview](http://mr-7-platform-bcdfghjk.previews.example.com:8080) | ❌ Failed | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC<br>took 12 s |

      **api** failed: \`setup ended with exit code 1\`

      Comment \`/deploy\` to run the latest commit again, \`/undeploy\` to take it down (Developers and up).
      "
    `);
  });

  it('after the merge, and after closing', () => {
    const stopped = app({ phase: 'stopped', servingSha: null, stopReason: 'merged' });
    expect(renderNote(note([stopped], 'merged'))).toMatchInlineSnapshot(`
      "<!-- branch-deployments -->
      ### Branch deployment

      | App | Status | Commit | Updated |
      |---|---|---|---|
      | **platform** | ⏹️ Stopped<br>merged | [\`1a2b3c4d\` Add the orders asset](https://gitlab.example.com/data/platform/-/commit/1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d)<br>by Ann Smith | 2026-03-04 05:06 UTC<br>took 12 s |
      "
    `);
    expect(renderNote(note([{ ...stopped, stopReason: 'closed' }], 'closed'))).toContain('Reopen the merge request');
    expect(renderNote(note([{ ...stopped, stopReason: 'undeployed' }]))).toContain(
      'Comment `/deploy` to bring it back',
    );
  });

  it('of a removal that does not come to its end, with what is in its way', () => {
    const stopTrouble = { tries: 10, error: 'EBUSY: `x` | <b>\n/close' };
    const stuck = app({ phase: 'stopping', servingSha: null, stopReason: 'merged', stopTrouble });
    expect(renderNote(note([stuck], 'merged'))).toContain(
      '| ⏳ Stopping<br>merged<br>not gone after 10 tries or more, and tried again: EBUSY\\: \\`x\\` \\| \\<b\\> \\/close |',
    );
  });

  it('of apps that run an older commit than the newest, each with the reason', () => {
    const head = { sha: 'abcdef0123456789', kind: 'failed', pipelineUrl: 'https://gl/-/pipelines/1' } as const;
    const text = renderNote(
      note([
        app({ label: '@web', head }),
        app({ label: 'etl', phase: 'failed', servingSha: null, head: { ...head, kind: 'skipped', pipelineUrl: null } }),
        app({ label: 'api' }),
      ]),
    );
    expect(text).toContain(
      '⚠️ **\\@web**: The newest commit `abcdef01` is not deployed, and the preview shows the older `1a2b3c4d`: [its pipeline](https://gl/-/pipelines/1) failed before it was deployed. To deploy it, run a pipeline (*Pipelines*, *Run pipeline*).',
    );
    expect(text).toContain('⚠️ **etl**: The newest commit `abcdef01` is not deployed: GitLab made no pipeline for it.');
    expect(text.match(/⚠️/g)).toHaveLength(2);
  });

  it('begins with its marker, and is known by it', () => {
    expect(isMarked(renderNote(note([app()])))).toBe(true);
    expect(isMarked(`> ${renderNote(note([app()]))}`)).toBe(false);
  });

  it('stays far below a million characters, whatever it has to tell', () => {
    const log = Array.from({ length: 5000 }, () => 'x'.repeat(5000));
    const message = log.join('\n');
    const parts = Array.from({ length: 500 }, (_, index) => ({
      name: `l${index}`,
      state: 'failed' as const,
      message,
    }));
    const apps = Array.from({ length: 300 }, () => app({ phase: 'failed', error: { message, logLines: log }, parts }));
    expect(renderNote(note(apps)).length).toBeLessThan(300_000);
  });
});
