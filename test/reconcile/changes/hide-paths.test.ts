import { expect, it } from 'vitest';
import { hidePaths } from '../../../src/reconcile/changes/hide-paths.ts';

it.each([
  ["open '/srv/data/bases/x/etl.py'", "open 'bases/x/etl.py'"],
  ['File "/srv/data/instances/a/tree/etl.py", line 3', 'File "etl.py", line 3'],
  ['in /srv/data: no room', 'in .: no room'],
  ['file:///srv/data/shared/a.db', 'file://shared/a.db'],
  // Of somebody else.
  ['/mnt/srv/data/x', '/mnt/srv/data/x'],
  ['/srv/database/x and /srv/data-2/x', '/srv/database/x and /srv/data-2/x'],
  ['https://example.com/srv/data/x', 'https://example.com/srv/data/x'],
])('%s is shown as %s', (text, shown) => {
  expect(hidePaths(text, ['/srv/data/instances/a/tree', '/srv/data'])).toBe(shown);
});
