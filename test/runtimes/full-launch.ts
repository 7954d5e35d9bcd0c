import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Launch } from '../../src/deployment/launch.ts';
import { launchOf, stepOf } from './apps.ts';

export const killedRef = { name: 'mr-9-shop-r1', deployment: 'mr-9-shop' };

/** A launch with one of everything: files, a shared folder, a kept setup, an early process, two processes. */
export function fullLaunch(round: string): Launch {
  const key = createHash('sha256').update(round).digest('hex');
  return launchOf((place) => {
    const shared = join(place.shared, `tools-${round}`);
    const modules = join(place.tree, 'node_modules');
    return {
      files: [{ path: join(place.work, 'file'), content: 'x'.repeat(100_000) }],
      steps: [
        { ...stepOf(place, 'tools', `sleep 0.05; echo whole > ${shared}/tools`), makesShared: { path: shared } },
        {
          ...stepOf(
            place,
            'setup',
            `mkdir node_modules; for i in 1 2 3 4 5; do echo $i > node_modules/$i; done; sleep 0.05`,
          ),
          keep: { key, outputs: [modules] },
        },
        stepOf(place, 'prepare', `test "$(cat ${shared}/tools)" = whole && test "$(cat node_modules/5)" = 5`),
      ],
      processes: [
        { name: 'early', directory: place.tree, argv: ['sleep', '600'], env: {}, early: true },
        { name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: {} },
        { name: 'side', directory: place.tree, argv: ['/bin/sh', '-c', 'sleep 600; :'], env: {} },
      ],
    };
  });
}
