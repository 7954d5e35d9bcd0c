import { expect, it } from 'vitest';
import { buildVariables } from '../../../src/apps/dagster/build-variables.ts';

const namesOf = (env: Record<string, string>) => buildVariables({ env, secret: {} }, {}).map(([name]) => name);

it('what a compiler reads decides which environment is taken', () => {
  const read = {
    CC: 'clang',
    CFLAGS: '-g',
    EXTRA_CXXFLAGS: '-O0',
    CMAKE_ARGS: '-DX=1',
    PKG_CONFIG_PATH: '/opt',
    RUSTFLAGS: '-g',
  };
  expect(namesOf(read)).toEqual(Object.keys(read).sort());
});

it('flags of features, and credentials that may be new for each job, do not', () => {
  expect(
    namesOf({ FEATURE_FLAGS: 'new-page', FLAGS: '1', CARGO_REGISTRIES_OURS_TOKEN: 'a', CARGO_REGISTRY_TOKEN: 'b' }),
  ).toEqual([]);
});
