import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { DAGSTER_VERSION, DBT_PACKAGES } from '../../../src/apps/dagster/versions.ts';
import { recognise } from '../../../src/apps/recognise.ts';

const EXAMPLE = fileURLToPath(new URL('../../fixtures/apps/dagster-workspace', import.meta.url));

function lockOf(project: string) {
  const text = readFileSync(`${EXAMPLE}/projects/${project}/uv.lock`, 'utf8');
  const { package: packages } = parse(text) as unknown as { package: Array<{ name: string; version?: string }> };
  const versions = packages.map(({ name, version }) => `${name}==${version}`);
  return { versions, hosts: new Set(Array.from(text.matchAll(/"https?:\/\/([^/"]+)/g), (match) => match[1])) };
}

describe('the shipped example', () => {
  it('is two locations, each with its own lock file', async () => {
    const spec = await recognise({ tree: EXAMPLE, directory: '.', timeoutMs: 60_000 });

    expect(spec).toMatchObject({
      preset: 'dagster',
      dagsterVersion: DAGSTER_VERSION,
      locations: [
        { name: 'shop', directory: 'projects/shop', lock: 'projects/shop/uv.lock' },
        { name: 'marts', directory: 'projects/marts', lock: 'projects/marts/uv.lock' },
      ],
    });
  });

  it.each([
    ['shop', [`dagster==${DAGSTER_VERSION}`]],
    ['marts', [`dagster==${DAGSTER_VERSION}`, ...DBT_PACKAGES]],
  ])('has locked the versions of src/apps/dagster/versions.ts in %s, from PyPI', (project, wanted) => {
    const { versions, hosts } = lockOf(project);

    expect(versions).toEqual(expect.arrayContaining(wanted));
    expect([...hosts].toSorted()).toEqual(['files.pythonhosted.org', 'pypi.org']);
  });
});
