import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findUv } from '../apps/dagster/uv.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { componentInclude, openWorld, type World } from '../support/world.ts';
import { layoutProjects } from './dagster-layouts.ts';

const uv = findUv();
const LONG = 480_000;
const LOADED =
  '{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } assetNodes { assetKey { path } } } } } }';

interface Loaded {
  readonly repositoriesOrError: {
    readonly nodes: ReadonlyArray<{
      readonly location: { readonly name: string };
      readonly assetNodes: ReadonlyArray<{ readonly assetKey: { readonly path: readonly string[] } }>;
    }>;
  };
}

describe.skipIf(uv === undefined)(
  'a project whose locations are declared by (skipped where uv is not installed)',
  () => {
    const files = mkdtempSync(join(tmpdir(), 'bd-layouts-'));
    const environment = join(files, 'dagster');
    let made: string;
    let t: World;

    beforeAll(async () => {
      made = dbtEnvironment(uv as string, environment);
      const project = (serviceUrl: string) => ({ '.gitlab-ci.yml': componentInclude(serviceUrl) });
      t = await openWorld({ project, branchPipelines: false });
    }, LONG);
    afterAll(async () => {
      await t?.close();
      rmSync(files, { recursive: true, force: true });
    }, LONG);

    /** Names of the locations that the preview's Dagster has loaded, with their assets. */
    async function loaded(url: string): Promise<Record<string, string[]>> {
      const { body } = await t.preview(url, {
        path: '/graphql',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: LOADED }),
      });
      const { nodes } = (JSON.parse(body) as { data: Loaded }).data.repositoriesOrError;
      return Object.fromEntries(
        nodes.map(({ location, assetNodes }) => [
          location.name,
          assetNodes.map(({ assetKey }) => assetKey.path.join('/')).sort(),
        ]),
      );
    }

    it.each(Object.keys(layoutProjects('')))('%s is deployed with all of them', { timeout: LONG }, async (layout) => {
      const project = layoutProjects(`ln -s ${made} .venv`)[layout];
      if (!project) throw new Error(`there is no layout ${layout}`);
      const branch = layout.replaceAll(/[^a-z]+/g, '-');

      const mr = await t.openMergeRequest(`layout${branch}`, project.files);
      await t.settled(LONG - 60_000);

      const job = t.deployJob(mr.iid);
      expect(job?.trace).toContain('Healthy after');
      expect(job?.trace).toContain(project.recognised);
      expect(await loaded(t.previewUrl(mr.iid))).toEqual(project.loaded);
      // Its memory is wanted for the next one.
      await t.gitlab.closeMergeRequest(mr, t.dev);
    });
  },
);
