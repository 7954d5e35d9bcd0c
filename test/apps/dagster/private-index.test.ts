import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HandedVariable } from '../../../src/deployment/sealed-variables.ts';
import { shareWebserver } from '../../support/surroundings.ts';
import { type AppWorld, appWorld, type Files, type Outcome, sourceOf } from '../app-world.ts';
import { type PrivateIndex, startPrivateIndex } from './private-index.ts';
import { findUv } from './uv.ts';

const uv = findUv();

/** Needs a package of the private index, and no Dagster: that is what its deployment fails for. */
const PROJECT: Files = {
  'pyproject.toml': '[tool.dagster]\nmodule_name = "shop.definitions"\n',
  'requirements.txt': 'tiny-of-the-team==1.0\n',
  // A folder of this name is no Dagster.
  'dagster/__init__.py': '',
};

/** uv writes in pieces, which this world's log takes for lines. */
const withoutSpace = (text: string): string => text.replace(/\s/g, '');

describe.runIf(uv)(`a private index behind a private authority${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  let folder: string;
  let index: PrivateIndex;
  const worlds: AppWorld[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'index-'));
    index = await startPrivateIndex(folder);
  });

  afterAll(async () => {
    for (const world of worlds) await world.dispose();
    await index?.close();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  async function deploy(
    passed: Record<string, string>,
    setupVariables: readonly HandedVariable[] = [],
  ): Promise<Outcome> {
    const world = await appWorld({ timeoutMs: 60_000, passed, ...(uv ? { uv } : {}) });
    worlds.push(world);
    shareWebserver(world.dataDir);
    return await world.run(sourceOf(undefined, PROJECT), { setupVariables });
  }

  it('is used with what BD_PASS_ENV passes on, and an environment without Dagster is told', {
    timeout: 90_000,
  }, async () => {
    const { log, health } = await deploy({ SSL_CERT_FILE: index.authority, UV_DEFAULT_INDEX: index.url });

    expect(withoutSpace(log)).toContain('+tiny-of-the-team==1.0');
    expect(log).toContain(
      'Location shop.definitions: its environment .venv holds no dagster. Add dagster to what it installs.',
    );
    expect(health).toEqual({ state: 'exited', reason: 'setup of shop.definitions failed with exit code 1' });
    expect(withoutSpace(log)).not.toContain(index.password);
  });

  it('is used with its name, user and password in variables of their own', { timeout: 90_000 }, async () => {
    const { log } = await deploy({
      SSL_CERT_FILE: index.authority,
      UV_INDEX: `team=${index.address}`,
      UV_INDEX_TEAM_USERNAME: index.user,
      UV_INDEX_TEAM_PASSWORD: index.password,
    });

    expect(withoutSpace(log)).toContain('+tiny-of-the-team==1.0');
    expect(withoutSpace(log)).not.toContain(index.password);
  });

  it('is used with the sign-in of a netrc file', { timeout: 90_000 }, async () => {
    const netrc = join(folder, 'netrc');
    await writeFile(netrc, `machine localhost login ${index.user} password ${index.password}\n`, { mode: 0o644 });

    const { log } = await deploy({
      SSL_CERT_FILE: index.authority,
      UV_DEFAULT_INDEX: index.address,
      NETRC: netrc,
    });

    expect(withoutSpace(log)).toContain('+tiny-of-the-team==1.0');
  });

  it('of one project alone is used with what its job hands over for setup', { timeout: 90_000 }, async () => {
    const { log } = await deploy({ SSL_CERT_FILE: index.authority }, [
      { name: 'UV_DEFAULT_INDEX', value: index.url, file: false },
    ]);

    expect(withoutSpace(log)).toContain('+tiny-of-the-team==1.0');
    expect(withoutSpace(log)).not.toContain(index.password);
  });

  it.each([
    ['the certificate of its authority', () => ({ UV_DEFAULT_INDEX: index.url }), 'UnknownIssuer'],
    ['a sign-in', () => ({ SSL_CERT_FILE: index.authority, UV_DEFAULT_INDEX: index.address }), '401Unauthorized'],
  ] as const)('cannot be used without %s', { timeout: 90_000 }, async (_, passed, complaint) => {
    const { log, health } = await deploy(passed());

    expect(withoutSpace(log)).toContain(complaint);
    expect(health).toEqual({ state: 'exited', reason: expect.stringMatching(/^setup of shop\.definitions failed/) });
    expect(withoutSpace(log)).not.toContain(index.password);
  });
});
