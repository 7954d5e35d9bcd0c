import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take a minute or more: begun first, so that the end of a run does not wait for one of them alone. */
const LONGEST = [
  'test/bench.test.ts',
  'test/apps/dagster/dagster.test.ts',
  'test/apps/dagster/prepare.test.ts',
  'test/scenarios/dagster-layouts.test.ts',
  'test/scenarios/dagster.test.ts',
  'test/chaos/',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => LONGEST.findIndex((name) => moduleId.includes(name));
    const others = (await super.sort(files)).filter((file) => rank(file) < 0);
    return [...files.filter((file) => rank(file) >= 0).sort((a, b) => rank(a) - rank(b)), ...others];
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Scenarios start real processes: more workers than cores only makes them slower.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/support/secret-search/global-setup.ts'],
    // What is printed goes the way of all output, past what looks for secrets in it.
    disableConsoleIntercept: true,
    setupFiles: ['test/support/secret-search/collect.ts'],
  },
});
