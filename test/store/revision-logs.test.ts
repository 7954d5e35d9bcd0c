import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createRevisionLogs } from '../../src/store/revision-logs.ts';

it("a line of the service's own begins as one, also after what ended within a line", async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bd-logs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const logs = createRevisionLogs({ directory });
  logs.say(1, 'setup: make');
  logs.write(1, Buffer.from('compiling\n100 %'));
  logs.say(1, 'setup: done in 2 s');
  logs.say(1, 'Healthy after 3 s');

  expect(Buffer.from(await logs.read(1, 0, 1_000)).toString()).toBe(
    '==> setup: make\ncompiling\n100 %\n==> setup: done in 2 s\n==> Healthy after 3 s\n',
  );
  expect(logs.appTail(1, 5)).toEqual(['compiling', '100 %']);
});
