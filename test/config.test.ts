import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';

const GOOD = {
  BD_GITLAB_URL: 'https://gitlab.example.com',
  BD_GITLAB_TOKEN: 'glpat-not-to-be-seen',
  BD_PUBLIC_URL: 'https://previews.example.com',
  BD_ALLOWED_PROJECTS: '42, data/platform, data/*',
  BD_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  BD_PREVIEW_ACCESS: 'open',
};

const faultsOf = (env: Record<string, string | undefined>, uid = 1000): readonly string[] => {
  try {
    readConfig(env, { uid });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('settings', () => {
  it('are read with their defaults', () => {
    const config = readConfig({ ...GOOD, PATH: '/bin', HOME: '/root' }, { uid: 1000 });

    expect(config).toMatchObject({
      previewDomain: 'previews.example.com',
      listen: { host: '127.0.0.1', port: 8080 },
      allowedProjects: ['42', 'data/platform', 'data/*'],
      maxUploadBytes: 512 * 1024 * 1024,
      sweepEveryMs: 300_000,
      passEnv: { PATH: '/bin' },
      processUser: null,
    });
    expect(config.passEnv).not.toHaveProperty('HOME');
  });

  it('that are missing are all named at once', () => {
    expect(faultsOf({}, 0)).toMatchInlineSnapshot(`
      [
        "BD_GITLAB_URL: is required, and is not set. Example: BD_GITLAB_URL=https://gitlab.example.com",
        "BD_GITLAB_TOKEN: is required, and is not set. Example: BD_GITLAB_TOKEN=glpat-…",
        "BD_PUBLIC_URL: is required, and is not set. Example: BD_PUBLIC_URL=https://previews.example.com",
        "BD_ALLOWED_PROJECTS: is required, and is not set. Example: BD_ALLOWED_PROJECTS=42, data/platform, data/*",
        "BD_WEBHOOK_SECRET: or BD_WEBHOOK_TOKEN (GitLab before 19) is required, and is not set. Example: BD_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "BD_PROCESS_USER: the service runs as root, so the user that branches run as must be chosen ("root" states that choice), and is not set. Example: BD_PROCESS_USER=previews",
        "BD_PREVIEW_ACCESS: "sign-in" (the default) is not there yet. Previews are open to everybody who can reach them, so this must be stated. Example: BD_PREVIEW_ACCESS=open",
      ]
    `);
  });

  it('that are malformed are all named at once, never with the value of a secret', () => {
    const faults = faultsOf({
      BD_GITLAB_URL: 'gitlab.example.com',
      BD_GITLAB_TOKEN: 'glpat not-to-be-seen',
      BD_GITLAB_ISSUER: 'ftp://gitlab.example.com',
      BD_PUBLIC_URL: 'https://user:pw@previews.example.com',
      BD_PREVIEW_DOMAIN: '10.0.0.1',
      BD_ALLOWED_PROJECTS: 'data/*/x',
      BD_LISTEN: '8080',
      BD_DATA_DIR: '',
      BD_WEBHOOK_SECRET: 'not-to-be-seen',
      BD_WEBHOOK_TOKEN: 'qqqqq',
      BD_RUNTIME: 'podman',
      BD_PASS_ENV: 'A-B',
      BD_PREVIEW_ACCESS: 'closed',
      BD_PYTHON_DOWNLOADS: 'yes',
      BD_MAX_RUNNING: '0',
      BD_IDLE_AFTER: '2 hours',
      BD_EXPIRE_AFTER: '0d',
      BD_SWEEP_EVERY: '5',
      BD_MAX_UPLOAD: '512MB',
      BD_MAX_DISK: '-1',
      BD_KEEP_HISTORY: 'never',
      BD_FORKS: 'always',
      BD_SECRET_KEY: 'not-to-be-seen',
      BD_LOG_LEVEL: 'loud',
    });

    expect(faults).toMatchInlineSnapshot(`
      [
        "BD_GITLAB_URL: "gitlab.example.com" is not an http(s) URL. Example: BD_GITLAB_URL=https://gitlab.example.com",
        "BD_GITLAB_TOKEN: its value contains white space. Example: BD_GITLAB_TOKEN=glpat-…",
        "BD_GITLAB_ISSUER: "ftp://gitlab.example.com" is not an http(s) URL. Example: BD_GITLAB_ISSUER=https://gitlab.example.com",
        "BD_PUBLIC_URL: "https://…@previews.example.com" must have no user name, password, query or fragment. Example: BD_PUBLIC_URL=https://previews.example.com",
        "BD_PREVIEW_DOMAIN: "10.0.0.1" is an IP address: previews need host names of their own. Example: BD_PREVIEW_DOMAIN=previews.example.com",
        "BD_ALLOWED_PROJECTS: "data/*/x" is not a list of project ids, project paths, group/* or group/**. Example: BD_ALLOWED_PROJECTS=42, data/platform, data/*",
        "BD_LISTEN: "8080" is not <address>:<port>. Example: BD_LISTEN=127.0.0.1:8080",
        "BD_WEBHOOK_SECRET: its value is not a signing token (or a comma list of them). Example: BD_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "BD_WEBHOOK_TOKEN: its value is shorter than 8 characters. Example: BD_WEBHOOK_TOKEN=a long random text",
        "BD_RUNTIME: "podman" is not one of process, docker, kubernetes. Example: BD_RUNTIME=process",
        "BD_PASS_ENV: "A-B" is not a list of variable names. Example: BD_PASS_ENV=SSL_CERT_FILE, UV_INDEX_URL",
        "BD_PREVIEW_ACCESS: "closed" is not one of sign-in, open. Example: BD_PREVIEW_ACCESS=open",
        "BD_PYTHON_DOWNLOADS: "yes" is not one of true, false. Example: BD_PYTHON_DOWNLOADS=true",
        "BD_MAX_RUNNING: "0" is not a whole number from 1. Example: BD_MAX_RUNNING=20",
        "BD_IDLE_AFTER: "2 hours" is neither a duration nor "never". Example: BD_IDLE_AFTER=2h",
        "BD_EXPIRE_AFTER: "0d" is neither a duration nor "never". Example: BD_EXPIRE_AFTER=14d",
        "BD_SWEEP_EVERY: "5" is not a duration. Example: BD_SWEEP_EVERY=5m",
        "BD_MAX_UPLOAD: "512MB" is not a size. Example: BD_MAX_UPLOAD=512Mi",
        "BD_MAX_DISK: "-1" is not a size. Example: BD_MAX_DISK=20Gi",
        "BD_KEEP_HISTORY: "never" is not a duration. Example: BD_KEEP_HISTORY=90d",
        "BD_FORKS: "always" is not one of never, approved. Example: BD_FORKS=never",
        "BD_SECRET_KEY: its value is not 32 bytes in base64. Example: BD_SECRET_KEY=the output of: openssl rand -base64 32",
        "BD_LOG_LEVEL: "loud" is not one of fatal, error, warn, info, debug, trace, silent. Example: BD_LOG_LEVEL=info",
      ]
    `);
    expect(faults.join('\n')).not.toMatch(/not-to-be-seen|qqqqq|:pw@/);
  });

  it('that do not exist are named with the nearest one', () => {
    expect(
      faultsOf({ ...GOOD, BD_GITLAB_TOKN: 'x', BD_URL: 'https://x', BD_LISTEN_FILE: '/x' }),
    ).toMatchInlineSnapshot(`
      [
        "BD_GITLAB_TOKN: there is no such setting. Did you mean BD_GITLAB_TOKEN?",
        "BD_LISTEN_FILE: there is no such setting. Did you mean BD_LISTEN?",
      ]
    `);
  });

  it('that are keys are taken in either base64, and not where other characters stand among them', () => {
    const key = Buffer.alloc(32, 0xfb).toString('base64');
    const urlSafe = Buffer.alloc(32, 0xfb).toString('base64url');
    const faultsOfKey = (BD_SECRET_KEY: string) => faultsOf({ ...GOOD, BD_SECRET_KEY });

    expect([key, urlSafe, `${key}, ${urlSafe}`].map(faultsOfKey)).toEqual([[], [], []]);
    for (const wrong of [`${key}!`, `${key.slice(0, 9)} ${key.slice(9)}`, key.slice(4), `${key},short`])
      expect(faultsOfKey(wrong)).toEqual([
        expect.stringContaining('BD_SECRET_KEY: its value is not 32 bytes in base64.'),
      ]);
  });

  it('that are secrets can come from a file, and not from both', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'bd-config-')), 'token');
    writeFileSync(file, 'glpat-from-a-file\n');
    const { BD_GITLAB_TOKEN: _, ...rest } = GOOD;

    expect(readConfig({ ...rest, BD_GITLAB_TOKEN_FILE: file }, { uid: 1000 }).gitlab.token).toBe('glpat-from-a-file');
    expect(faultsOf({ ...GOOD, BD_GITLAB_TOKEN_FILE: file })).toMatchInlineSnapshot(`
      [
        "BD_GITLAB_TOKEN: it is set, and so is BD_GITLAB_TOKEN_FILE. Keep one of them",
      ]
    `);
    expect(faultsOf({ ...rest, BD_GITLAB_TOKEN_FILE: '/nowhere/token' })).toMatchInlineSnapshot(`
      [
        "BD_GITLAB_TOKEN_FILE: "/nowhere/token" cannot be read (ENOENT). Example: BD_GITLAB_TOKEN_FILE=/run/secrets/bd_gitlab_token",
      ]
    `);
  });

  it('that have no effect yet are said', () => {
    expect(readConfig({ ...GOOD, BD_IDLE_AFTER: '1h', BD_FORKS: 'approved' }, { uid: 1000 }).warnings).toEqual([
      'BD_IDLE_AFTER is set, and has no effect in this version yet',
      "branches run as the service's own user, and can read what it can, its GitLab token too: set BD_PROCESS_USER to another user",
      'previews are open: whoever reaches them can use them (BD_PREVIEW_ACCESS=open)',
    ]);
  });

  it('refuse what is not there yet, by name', () => {
    expect(faultsOf({ ...GOOD, BD_RUNTIME: 'docker', BD_PREVIEW_ACCESS: 'sign-in' })).toMatchInlineSnapshot(`
      [
        "BD_RUNTIME: "docker" is not there yet. Example: BD_RUNTIME=process",
        "BD_PREVIEW_ACCESS: "sign-in" (the default) is not there yet. Previews are open to everybody who can reach them, so this must be stated. Example: BD_PREVIEW_ACCESS=open",
      ]
    `);
  });
});
