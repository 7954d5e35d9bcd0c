import { describe, expect, it } from 'vitest';
import { appFileJsonSchema } from '../../src/apps/app-file/schema.ts';
import { parseAppFile, presetOf } from '../../src/apps/app-file.ts';
import { ProblemError } from '../../src/errors.ts';

function messageFor(text: string): string {
  try {
    parseAppFile(text, '.branch-deployment.yml');
  } catch (error) {
    if (error instanceof ProblemError && error.status === 422) return error.message;
    throw error;
  }
  throw new Error('the file was accepted');
}

describe('the app file', () => {
  it.each([
    ['an unknown key, with the nearest', 'start: x\nstrat: y\n', 'line 2: strat: unknown key; did you mean "start"?'],
    [
      'an unknown key of a location',
      'locations:\n  - name: etl\n    modul: a.b\n    module: a.b\n',
      'line 3: locations.0.modul: unknown key; did you mean "module"?',
    ],
    [
      'an unknown key in a hook',
      'hooks:\n  after_deploy:\n    - runs: x\n',
      'line 3: hooks.after_deploy.0.runs: unknown key; did you mean "run"?',
    ],
    [
      'a key that means nothing like a known one',
      'hooks:\n  completely_else: 1\n',
      'line 2: hooks.completely_else: unknown key. Known are after_deploy, after_close',
    ],
    ['a wrong type', 'start: [a, b]\n', 'line 1: start: expected string, received array'],
    ['an empty command', 'start: ""\n', 'line 1: start: is empty'],
    ['an unknown preset', 'preset: docker\n', 'line 1: preset: expected one of "command"|"dagster"'],
    ['a health path without a slash', 'start: x\nhealth: up\n', 'line 2: health: is not a path that starts with /'],
    [
      'an absolute path',
      'start: x\nsetup: y\nsetup_inputs: [/etc/passwd]\n',
      'line 3: setup_inputs.0: is an absolute path; paths are relative to the folder of this file',
    ],
    [
      'the preset command without start',
      'preset: command\n',
      'line 1: preset: the preset command needs the key start: the command that starts the app on HOST and PORT',
    ],
    [
      'keys of the other preset',
      'start: x\npython: "3.12"\n',
      'line 2: python: has no meaning for the preset command (which follows from the other keys). Remove it',
    ],
    [
      'a comparison without Dagster',
      'start: x\nchanges: { compare_with: target }\n',
      'line 2: changes: has no meaning for the preset command (which follows from the other keys). Remove it',
    ],
    [
      'something to compare with that is not known',
      'preset: dagster\nchanges: { compare_with: production }\n',
      'line 2: changes.compare_with: is not merge-base, target, environment:<name>, on-create or on-update',
    ],
    [
      'a location with two targets',
      'locations:\n  - { name: a, module: a.b, file: c.py }\n',
      'line 2: locations.0: needs exactly one of module, file, package, autoload: what its code server loads',
    ],
    [
      'two locations with one name',
      'locations:\n  - { name: a, module: a.b }\n  - { name: a, module: a.c }\n',
      'line 3: locations.1.name: "a" is the name of two locations',
    ],
    [
      'a variable that the service gives',
      'start: x\nenv: { DAGSTER_CLOUD_DEPLOYMENT_NAME: prod }\n',
      'line 2: env.DAGSTER_CLOUD_DEPLOYMENT_NAME: is given by the service and cannot be set',
    ],
    [
      'a variable that would give Dagster another storage',
      'preset: dagster\nenv: { DAGSTER_CLI_API_GRPC_INSTANCE_REF: x, DAGSTER_INSTANCE_REF: y }\n',
      'line 2: env.DAGSTER_INSTANCE_REF: is given by the service and cannot be set',
    ],
    ['a variable without a value', 'start: x\nenv:\n  A:\n', 'line 3: env.A: expected string, received null'],
    [
      'a run queue without a daemon',
      'preset: dagster\ndaemon: none\nmax_concurrent_runs: 4\n',
      'line 3: max_concurrent_runs: needs a daemon, which runs the queue: say daemon: runs, or remove it',
    ],
    [
      'a time to drain that is none',
      'preset: dagster\ndrain: 10 minutes\n',
      'line 2: drain: is not a duration (like 30s, 15m, 2h, 7d)',
    ],
    [
      'a persisted folder above its own',
      'start: x\npersist: [data/, a/../../b]\n',
      `line 2: persist.1: "a/../../b" leaves this file's folder. Name a folder below it`,
    ],
    [
      'its own folder as a persisted one',
      'start: x\npersist: [./]\n',
      `line 2: persist.0: "./" is this file's folder itself: a push would change nothing. Name a folder below it`,
    ],
    [
      'a persisted folder of git',
      'start: x\npersist: [a/.Git/hooks]\n',
      'line 2: persist.0: "a/.Git/hooks" is of git. Name another folder',
    ],
    [
      'a persisted folder within another one',
      'start: x\npersist:\n  - data/in\n  - ./data\n',
      'line 4: persist.1: "./data" lies within "data/in", or the other way round. Name the outer one only',
    ],
    [
      'a persisted folder whose path is too long for a name',
      `start: x\npersist: [${'é/'.repeat(30)}]\n`,
      `line 2: persist.0: "${'é/'.repeat(30)}" is too long: at most 200 bytes, as a URL has them. Name a shorter path`,
    ],
    [
      'files of the base that lie within others',
      'preset: dagster\nchanges:\n  base_artifacts: [a/b, ./a/]\n',
      'line 3: changes.base_artifacts.1: "./a/" lies within "a/b", or the other way round. Name the outer one only',
    ],
    [
      "all of the base's files",
      'preset: dagster\nchanges: { base_artifacts: [.] }\n',
      `line 2: changes.base_artifacts.0: "." is this file's folder itself: all of the base's files are more than a revision can be handed. Name a file or folder below it`,
    ],
    [
      'files of the base above its folder',
      'preset: dagster\nchanges: { base_artifacts: [../x] }\n',
      `line 2: changes.base_artifacts.0: "../x" leaves this file's folder. Name a file or folder below it`,
    ],
    ['broken YAML', 'health: /\nstart: "x\n', 'line 3: Missing closing "quote'],
    ['the same key twice', 'start: x\nstart: y\n', 'line 2: Map keys must be unique'],
  ])('refuses %s', (_, text, fault) => {
    expect(messageFor(text)).toContain(`  - ${fault}`);
  });

  it.each([
    ['resources', 'start: x\nresources: { memory: 1Gi, cpu: 1 }\n'],
    ['idle_after', 'start: x\nidle_after: 1h\n'],
    ['hooks', 'start: x\nhooks: { after_deploy: [{ run: python clone.py }] }\n'],
  ])('says "not yet" to %s instead of ignoring it', (key, text) => {
    expect(messageFor(text)).toBe(
      `.branch-deployment.yml cannot be used:\n  - line 2: ${key}: not yet: this version of the service knows the key, but cannot do it. Remove it`,
    );
  });

  it('names every fault at once', () => {
    expect(messageFor('strat: x\nhealth: up\nsetpu: y\n')).toMatchInlineSnapshot(`
      ".branch-deployment.yml cannot be used:
        - line 2: health: is not a path that starts with /
        - line 1: strat: unknown key; did you mean "start"?
        - line 3: setpu: unknown key; did you mean "setup"?"
    `);
  });

  it('names the known references where one is unknown', () => {
    expect(messageFor(`start: x\nenv: { A: "\${BRANCH_SLUG}" }\n`)).toContain(
      `line 2: env.A: \${BRANCH_SLUG} is not known. Known are HOST, PORT, BRANCH_DEPLOYMENT_URL, BRANCH_DEPLOYMENT_NAME,`,
    );
  });

  it('tells what to write where the file is empty', () => {
    expect(messageFor('# nothing yet\n')).toContain(
      'the file holds no keys. The smallest one is:  start: <command that starts the app>',
    );
  });

  it('keeps versions and values as they are written', () => {
    const file = parseAppFile('start: x\nenv: { VERSION: 1.10, OCTAL: 0123, ON: true, TEXT: "a" }\n', 'f');
    const other = parseAppFile('preset: dagster\npython: 3.10\n', 'f');

    expect(file.env).toEqual({ VERSION: '1.10', OCTAL: '0123', ON: true, TEXT: 'a' });
    expect(other.python).toBe('3.10');
  });

  it('takes the preset from the keys where none is named', () => {
    expect(presetOf(parseAppFile('start: x\n', 'f'))).toBe('command');
    expect(presetOf(parseAppFile('locations: [{ name: a, module: a.b }]\n', 'f'))).toBe('dagster');
    expect(presetOf(parseAppFile('env: { A: b }\n', 'f'))).toBeUndefined();
  });

  it('does not unfold an alias bomb', () => {
    const levels = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (let level = 1; level < 9; level++) {
      const [name, before] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
      levels.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(',')}]`);
    }

    expect(messageFor(levels.join('\n'))).toContain('Excessive alias count');
  });

  it('has a JSON schema that knows every key', () => {
    const schema = appFileJsonSchema();

    expect(schema).toMatchObject({ title: '.branch-deployment.yml', type: 'object', additionalProperties: false });
    expect(Object.keys(schema.properties as object)).toEqual(
      expect.arrayContaining(['start', 'hooks', 'locations', 'dagster_yaml']),
    );
    expect(schema.required).toBeUndefined();
  });
});
