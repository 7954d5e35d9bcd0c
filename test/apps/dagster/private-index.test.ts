import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shareWebserver } from '../../support/surroundings.ts';
import { type AppWorld, appWorld, type Files, type Outcome, sourceOf } from '../app-world.ts';
import { type PrivateIndex, startPrivateIndex } from './private-index.ts';
import { findUv } from './uv.ts';

const uv = findUv();

/** Needs a package of the private index, and no Dagster: that is what its deployment fails for. */
const PROJECT: Files = {
  'pyproject.toml': '[tool.dagster]\nmodule_name = "shop.definitions"\n',
  'requirements.txt': 'tiny==1.0\n',
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

  async function deploy(passed: Record<string, string>): Promise<Outcome> {
    const world = await appWorld({ timeoutMs: 60_000, passed, ...(uv ? { uv } : {}) });
    worlds.push(world);
    shareWebserver(world.dataDir);
    return await world.run(sourceOf(undefined, PROJECT));
  }

  it('is used with what BD_PASS_ENV passes on, and an environment without Dagster is told', {
    timeout: 90_000,
  }, async () => {
    const { log, health } = await deploy({ SSL_CERT_FILE: index.authority, UV_DEFAULT_INDEX: index.url });

    expect(withoutSpace(log)).toContain('+tiny==1.0');
    expect(log).toContain(
      'Location shop.definitions: its environment .venv holds no dagster. Add dagster to what it installs.',
    );
    expect(health).toEqual({ state: 'exited', reason: 'setup of shop.definitions failed with exit code 1' });
    expect(withoutSpace(log)).not.toContain(index.password);
  });

  it('cannot be used without the certificate of its authority', { timeout: 90_000 }, async () => {
    const { log, health } = await deploy({ UV_DEFAULT_INDEX: index.url });

    expect(withoutSpace(log)).toContain('UnknownIssuer');
    expect(health).toEqual({ state: 'exited', reason: expect.stringMatching(/^setup of shop\.definitions failed/) });
    expect(withoutSpace(log)).not.toContain(index.password);
  });
});
