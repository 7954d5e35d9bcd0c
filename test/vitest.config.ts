import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute or more, longest first: the end of a run must not wait for one of them alone. */
const LONGEST = [
  'test/bench.test.ts',
  'test/scenarios/dagster-demo.test.ts',
  'test/scenarios/dagster-layouts.test.ts',
  'test/apps/dagster/dagster.test.ts',
  'test/scenarios/dagster-runs.test.ts',
  'test/apps/dagster/prepare.test.ts',
  'test/scenarios/dagster',
  'test/chaos/',
  'test/runtimes/kept-setups.test.ts',
  'test/scenarios/app-failures.test.ts',
  'test/demo.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => LONGEST.findIndex((name) => moduleId.includes(name));
    const others = (await super.sort(files)).filter((file) => rank(file) < 0);
    const alone = others.filter(({ project }) => project.config.isolate);
    const together = others.filter(({ project }) => !project.config.isolate);
    return [...files.filter((file) => rank(file) >= 0).sort((a, b) => rank(a) - rank(b)), ...alone, ...together];
  }
}

/**
 * Files that change nothing of their own process: they run one after the other in one that has loaded what they import, which takes longer
 * than many of them. The programs that they start (apps, jobs) end with their worlds. What kills programs, compares the processes of the
 * machine, takes the service's place, changes the environment or shares a world with another file has a process of its own.
 */
const TOGETHER = [
  'test/{architecture,config,log,readme}.test.ts',
  'test/apps/*.test.ts',
  'test/apps/dagster/layouts/**/*.test.ts',
  'test/apps/dagster/{check-locations,dagster-yaml,declared,default-prepare,install-inputs,run-settings,variables}.test.ts',
  'test/attacks/{archives,authz,forks,instances,notes,secrets,shell-injection,slow-and-stuck,webhooks}.test.ts',
  'test/changes/{compare*,rename-locations}.test.ts',
  'test/deployment/**/*.test.ts',
  'test/front-door/{badges,failures,headers,hostile-bytes,notices,preview-host,read-badges}.test.ts',
  'test/front-door/{redeploy,smuggling,streaming,web-sockets}.test.ts',
  'test/gitlab/**/*.test.ts',
  'test/gitlab-stand-in/**/*.test.ts',
  'test/http/**/*.test.ts',
  'test/metrics/**/*.test.ts',
  'test/reconcile/changes/{base-files,changes,compare-sides,find-base,hide-paths,target}.test.ts',
  'test/reconcile/sweep/*.test.ts',
  'test/scenarios/{bad-archive,bad-input-job,bad-request,bad-token,capacity,comments,disk-room,few-requests}.test.ts',
  'test/scenarios/{fork-pipeline,generations,jobs-again,late-and-crossed,late-stop-job,main-job,news}.test.ts',
  'test/scenarios/{not-gone,note-and-environment,older-commit,redeploy-request,rejected-token}.test.ts',
  'test/scenarios/{retention,told-before-retired,variables,variables-kept,what-happens}.test.ts',
  'test/store/**/*.test.ts',
  'test/support/{instant-runtime,secret-search/search}.test.ts',
  'test/views/**/*.test.ts',
  'test/webhooks/**/*.test.ts',
];

/**
 * Files about what does not depend on the service's Node: Dagster, which they start and time; the component's shell and YAML; and the runner
 * that stands in for GitLab's. CI runs them under one Node only.
 */
const ONCE = [
  'test/bench.test.ts',
  'test/apps/dagster/**/*.test.ts',
  'test/changes/{probe*,truth}.test.ts',
  'test/commands/changes.test.ts',
  'test/scenarios/dagster*.test.ts',
  'test/support/gitlab/pipelines/*.test.ts',
  'test/templates/**/*.test.ts',
];

/** What holds for each test file. */
export const EACH = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  setupFiles: ['test/support/secret-search/collect.ts'],
  // What is printed goes the way of all output, past what looks for secrets in it.
  disableConsoleIntercept: true,
};

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // For two cores: a file takes two thirds of one, and waits for the rest of its time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/support/secret-search/global-setup.ts'],
    projects: [
      { test: { ...EACH, name: 'together', include: TOGETHER, isolate: false } },
      { test: { ...EACH, name: 'apart', include: ['test/**/*.test.ts'], exclude: [...TOGETHER, ...ONCE] } },
      { test: { ...EACH, name: 'once', include: ONCE, exclude: TOGETHER } },
    ],
  },
});
