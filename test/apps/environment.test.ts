import { describe, expect, it } from 'vitest';
import { appEnvironment, expandValues, KNOWN_NAMES } from '../../src/apps/environment.ts';
import { ProblemError } from '../../src/errors.ts';

const facts = {
  url: 'https://mr-7-shop-bcdfghjk.previews.example.com',
  name: 'mr-7-shop-bcdfghjk',
  app: '',
  slug: 'mr_7_shop_bcdfghjk',
  commit: {
    sha: 'a'.repeat(40),
    title: 'Add orders',
    message: 'Add orders\n\nMore text',
    authorName: 'Ada',
    authorEmail: 'ada@example.com',
    timestamp: 1724871941,
    parentShas: [],
    webUrl: 'https://gitlab.example.com/data/shop/-/commit/aaaa',
  },
  branch: 'orders',
  projectPath: 'data/shop',
  projectUrl: 'https://gitlab.example.com/data/shop',
  iid: 7,
  status: 'OPEN',
} as const;

describe('what an app is given', () => {
  it('has the names of Dagster+ with its meaning', () => {
    expect(appEnvironment(facts)).toEqual({
      BRANCH_DEPLOYMENT_URL: 'https://mr-7-shop-bcdfghjk.previews.example.com',
      BRANCH_DEPLOYMENT_NAME: 'mr-7-shop-bcdfghjk',
      BRANCH_DEPLOYMENT_APP: '',
      BRANCH_DEPLOYMENT_SLUG: 'mr_7_shop_bcdfghjk',
      DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT: '1',
      DAGSTER_CLOUD_DEPLOYMENT_NAME: 'mr_7_shop_bcdfghjk',
      DAGSTER_CLOUD_GIT_SHA: 'a'.repeat(40),
      DAGSTER_CLOUD_GIT_TIMESTAMP: '1724871941',
      DAGSTER_CLOUD_GIT_AUTHOR_NAME: 'Ada',
      DAGSTER_CLOUD_GIT_AUTHOR_EMAIL: 'ada@example.com',
      DAGSTER_CLOUD_GIT_MESSAGE: 'Add orders',
      DAGSTER_CLOUD_GIT_BRANCH: 'orders',
      DAGSTER_CLOUD_GIT_REPO: 'shop',
      DAGSTER_CLOUD_GIT_URL: 'https://gitlab.example.com/data/shop',
      DAGSTER_CLOUD_PULL_REQUEST_ID: '7',
      DAGSTER_CLOUD_PULL_REQUEST_STATUS: 'OPEN',
      SETUPTOOLS_SCM_PRETEND_VERSION: '0.0.0',
    });
  });

  it('can be used by name in the app file, all of it', () => {
    const given = { ...appEnvironment(facts), HOST: 'h', PORT: '1', BRANCH_DEPLOYMENT_DATA_DIR: '/d' };

    expect(KNOWN_NAMES.filter((name) => !(name in given))).toEqual([]);
  });
});

describe('references in values', () => {
  it('are replaced once: what they bring in is text', () => {
    const known = { A: `\${B}`, B: 'b' };

    expect(expandValues({ X: `dev_\${A}_\${B}`, Y: '$A and {B}' }, known)).toEqual({
      X: `dev_\${B}_b`,
      Y: '$A and {B}',
    });
  });

  it('are an error where they are unknown', () => {
    expect(() => expandValues({ X: `\${C}` }, { A: '', B: '' })).toThrow(
      new ProblemError('unknown-reference', 422, `env.X: \${C} is not known. Known are A, B.`),
    );
  });
});
