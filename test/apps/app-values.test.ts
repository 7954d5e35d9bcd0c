import { describe, expect, it } from 'vitest';
import { parseAppFile } from '../../src/apps/app-file.ts';
import { appValues, variableFiles } from '../../src/apps/app-values.ts';

const place = {
  name: 'mr-7-shop-r1',
  tree: '/tree',
  work: '/work',
  data: '/data',
  shared: '/shared',
  host: '127.0.0.1',
  ports: { http: 4000 },
};
const handed = (name: string, value: string, file = false) => ({ name, value, file });
const context = {
  projectId: 42,
  app: '',
  env: { BRANCH_DEPLOYMENT_SLUG: 'mr_7' },
  variables: [handed('DB_URL', 'db://secret'), handed('KEY', 'k-1'), handed('CERT', 'pem', true)],
  setupVariables: [handed('NPM_TOKEN', 'npm-1'), handed('NETRC', 'machine x', true)],
};
const spec = {
  dotenv: { KEY: 'of .env', MODE: 'of .env', NPM_TOKEN: 'of .env', constructor: 'of .env' },
  env: { MODE: 'of the app file', DB_URL: `\${DB_URL}?schema=\${BRANCH_DEPLOYMENT_SLUG}`, UNSET: `<\${MISSING}>` },
  variables: ['DB_URL', 'KEY', 'CERT', 'MISSING'],
};

describe('what a command of the app is given', () => {
  it('is .env, below it what was handed over, the app file, and the service; secret is what was handed over, and what is made of it', () => {
    expect(appValues(spec, context, { place })).toEqual({
      env: {
        NPM_TOKEN: 'of .env',
        constructor: 'of .env',
        MODE: 'of the app file',
        UNSET: '<>',
        BRANCH_DEPLOYMENT_SLUG: 'mr_7',
        BRANCH_DEPLOYMENT_DATA_DIR: '/data',
      },
      secret: { DB_URL: 'db://secret?schema=mr_7', KEY: 'k-1', CERT: '/work/variables/CERT' },
    });
  });

  it('for setup has the variables for setup too, above .env', () => {
    const { env, secret } = appValues(spec, context, { place, isSetup: true });
    expect(secret).toMatchObject({ KEY: 'k-1', NPM_TOKEN: 'npm-1', NETRC: '/work/setup-variables/NETRC' });
    expect(env).not.toHaveProperty('NPM_TOKEN');
  });

  it('of files has the paths; those for setup are taken away after it', () => {
    expect(variableFiles(context, place)).toEqual([
      { path: '/work/variables/CERT', content: 'pem' },
      { path: '/work/setup-variables/NETRC', content: 'machine x', stepsOnly: true },
    ]);
  });
});

it('the app file may use names that are handed over, and no others', () => {
  const text = `start: x\nenv: { A: "\${DB_URL}", B: "\${NPM_TOKEN}" }\n`;
  expect(() => parseAppFile(text, 'app.yml', ['DB_URL'])).toThrow(
    /env\.B: \$\{NPM_TOKEN\} is not known\. Known are HOST, .*, DB_URL, and what the component's input "variables" names$/,
  );
});
