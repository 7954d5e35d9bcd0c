import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Scenarios start real processes: more workers than cores only makes them slower.
    maxWorkers: 2,
    globalSetup: ['test/support/secret-search/global-setup.ts'],
    // What is printed goes the way of all output, past what looks for secrets in it.
    disableConsoleIntercept: true,
    setupFiles: ['test/support/secret-search/collect.ts'],
  },
});
