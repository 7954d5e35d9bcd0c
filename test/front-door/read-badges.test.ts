import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { compareDefinitions } from '../../src/changes/compare.ts';
import type { Badges } from '../../src/deployment/badges.ts';
import { fillBadges } from '../../src/front-door/badges/fill-badges.ts';
import { badgesReader } from '../../src/front-door/badges/read-badges.ts';
import { openStore } from '../../src/store/store.ts';
import { wantRevision } from '../../src/store/want.ts';
import { asset, location } from '../changes/definitions.ts';
import { addDeployment, commit, spec } from '../store/add-deployment.ts';

it('the badges of a revision are those of its last decided changes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bd-badges-'));
  const store = openStore(join(folder, 'service.sqlite'));
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { id: revisionId } = wantRevision(store, addDeployment(store, 1), {
    ...{ commit, pushedBy: 'Dee', bundle: 'b', spec, sealedVariables: null, now: 1, why: 'test' },
  });
  const badges = badgesReader(store.changes, () => ['shop']);
  const decide = (decidedAt: number, ...keys: string[]) =>
    store.changes.decide({
      ...{ revisionId, baseSha: 'a'.repeat(40), baseUrl: null, unknown: null, missingFiles: null, decidedAt },
      compared: {
        changes: compareDefinitions(
          [location('etl', [])],
          [
            location(
              'etl',
              keys.map((key) => asset(key)),
            ),
          ],
        ),
        ...{ graph: null, unknownLocations: [], lockFiles: [] },
      },
    });
  const shown = () => [...(badges(revisionId)?.byLocation.get('etl')?.keys() ?? [])];

  expect(badges(revisionId)).toBeUndefined();
  decide(1, 'a');
  expect(shown()).toEqual(['a']);
  const before = badges(revisionId);
  // The same object: nothing was read again.
  expect(badges(revisionId)).toBe(before);
  // A secret in a key is not kept with the changes: the key that Dagster tells is looked up as it is kept.
  decide(2, '[MASKED]/orders');
  const answer = '{"changedReasons":[],"assetKey":{"path":["shop","orders"]}}';
  expect(`${fillBadges(Buffer.from(answer), badges(revisionId) as Badges)}`).toBe(answer.replace('[]', '["NEW"]'));
  decide(3, 'a', 'b');
  expect(shown()).toEqual(['a', 'b']);
  expect(badges(revisionId)?.stamp).not.toBe(before?.stamp);
  store.changes.decide({
    revisionId,
    baseSha: null,
    baseUrl: null,
    unknown: 'No base.',
    compared: null,
    missingFiles: null,
    decidedAt: 4,
  });
  expect(badges(revisionId)).toBeUndefined();
});
