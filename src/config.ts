import { readFileSync } from 'node:fs';
import { closest, distance } from 'fastest-levenshtein';
import type { ForkPolicy } from './deployment/forks.ts';
import { previewDomain, SETTINGS, type Setting, type Settings } from './settings.ts';

/** Always handed on, beside `BD_PASS_ENV`: without them hardly a program starts or reaches the network. */
const ALWAYS_PASSED = [
  'PATH',
  'LANG',
  'TZ',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
];

/** Names that the command line reads when it talks to a running service. */
const KNOWN_ELSEWHERE = ['BD_URL', 'BD_TOKEN', 'BD_TOKEN_FILE'];

/** The service's settings, checked and in units: times in ms, sizes in bytes. */
export interface Config {
  readonly gitlab: { readonly url: URL; readonly token: string; readonly issuer: string | undefined };
  readonly publicUrl: URL;
  readonly previewDomain: string;
  readonly allowedProjects: readonly string[];
  readonly listen: { readonly host: string; readonly port: number };
  readonly dataDir: string;
  readonly webhook: { readonly signingSecrets: readonly string[]; readonly tokens: readonly string[] };
  /** Name of the user that instances run as; null: the service's own. */
  readonly processUser: string | null;
  /** Variables of the service that instances get too, with their values. */
  readonly passEnv: Readonly<Record<string, string>>;
  readonly pythonDownloads: boolean;
  readonly forks: ForkPolicy;
  /** 32 bytes each, in base64; the first one seals. Empty where the setting is not set. */
  readonly secretKeys: readonly string[];
  /** Deployments that may have instances at once. */
  readonly maxRunning: number;
  readonly sweepEveryMs: number;
  readonly maxUploadBytes: number;
  /** What bundles, instances, logs, kept setups and caches may take together; bytes. */
  readonly maxDiskBytes: number;
  /** How long events, logs and ended deployments are kept; ms. */
  readonly keepHistoryMs: number;
  readonly logLevel: Settings['BD_LOG_LEVEL'];
  /** Things to say at start: settings without effect yet, previews that are open. */
  readonly warnings: readonly string[];
}

/** All faults of the settings at once; the message is ready to print. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `${faults.length} ${faults.length === 1 ? 'setting is' : 'settings are'} wrong:\n${faults.map((f) => `  - ${f}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

/**
 * Reads and checks all settings. The only reader of the environment.
 *
 * @param env usually `process.env`
 * @param process what decides whether `BD_PROCESS_USER` is required: `uid` 0 is root
 * @throws {ConfigError} with every fault, never with a secret's value
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  process: { readonly uid: number | undefined },
): Config {
  const faults: string[] = [];
  const values: Partial<Record<string, unknown>> = {};
  const given = new Set<string>();
  const names = Object.keys(SETTINGS) as Array<keyof typeof SETTINGS>;

  for (const name of Object.keys(env)
    .filter((n) => n.startsWith('BD_') && env[n] !== undefined)
    .sort()) {
    const setting = SETTINGS[name as keyof typeof SETTINGS] ?? secretOf(name);
    if (setting === undefined && !KNOWN_ELSEWHERE.includes(name)) faults.push(unknownName(name, names));
  }
  for (const name of names) {
    const setting: Setting = SETTINGS[name];
    const raw = readValue(env, name, setting, faults);
    // A file that cannot be read is a fault of its own, not one more missing setting.
    if (raw !== undefined || (setting.secret && env[`${name}_FILE`] !== undefined)) given.add(name);
    const text = raw ?? setting.default;
    if (text === undefined) continue;
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else {
      // A password in a URL is a secret wherever it stands.
      const found = setting.secret ? 'its value' : `"${text.replace(/\/\/[^/@]*@/, '//…@')}"`;
      faults.push(`${name}: ${found} ${parsed.error.issues[0]?.message}. Example: ${name}=${setting.example}`);
    }
  }

  const missing = (name: keyof typeof SETTINGS, why = 'is required') =>
    faults.push(`${name}: ${why}, and is not set. Example: ${name}=${SETTINGS[name].example}`);
  for (const name of ['BD_GITLAB_URL', 'BD_GITLAB_TOKEN', 'BD_PUBLIC_URL', 'BD_ALLOWED_PROJECTS'] as const)
    if (!given.has(name)) missing(name);
  if (!given.has('BD_WEBHOOK_SECRET') && !given.has('BD_WEBHOOK_TOKEN'))
    missing('BD_WEBHOOK_SECRET', 'or BD_WEBHOOK_TOKEN (GitLab before 19) is required');
  if (process.uid === 0 && !given.has('BD_PROCESS_USER')) {
    missing(
      'BD_PROCESS_USER',
      'the service runs as root, so the user that branches run as must be chosen ("root" states that choice)',
    );
  }

  const s = values as Settings;
  if (s.BD_PUBLIC_URL && !given.has('BD_PREVIEW_DOMAIN')) {
    const host = previewDomain.safeParse(s.BD_PUBLIC_URL.hostname);
    if (host.success) s.BD_PREVIEW_DOMAIN = host.data;
    else
      faults.push(
        `BD_PREVIEW_DOMAIN: "${s.BD_PUBLIC_URL.hostname}" (the host of BD_PUBLIC_URL) ${host.error.issues[0]?.message}. Example: BD_PREVIEW_DOMAIN=previews.example.com`,
      );
  }
  if (s.BD_RUNTIME && s.BD_RUNTIME !== 'process')
    faults.push(`BD_RUNTIME: "${s.BD_RUNTIME}" is not there yet. Example: BD_RUNTIME=process`);
  if (s.BD_PREVIEW_ACCESS === 'sign-in') {
    faults.push(
      'BD_PREVIEW_ACCESS: "sign-in" (the default) is not there yet. Previews are open to everybody who can reach them, so this must be stated. Example: BD_PREVIEW_ACCESS=open',
    );
  }
  if (faults.length > 0) throw new ConfigError(faults);

  const warnings = names
    .filter((n) => given.has(n) && (SETTINGS[n] as Setting).later)
    .map((n) => `${n} is set, and has no effect in this version yet`);
  if (s.BD_PROCESS_USER === undefined || s.BD_PROCESS_USER === 'root')
    warnings.push(
      "branches run as the service's own user, and can read what it can, its GitLab token too: set BD_PROCESS_USER to another user",
    );
  warnings.push('previews are open: whoever reaches them can use them (BD_PREVIEW_ACCESS=open)');
  return {
    gitlab: {
      url: s.BD_GITLAB_URL,
      token: s.BD_GITLAB_TOKEN,
      issuer: s.BD_GITLAB_ISSUER === undefined ? undefined : env.BD_GITLAB_ISSUER?.trim(),
    },
    publicUrl: s.BD_PUBLIC_URL,
    previewDomain: s.BD_PREVIEW_DOMAIN,
    allowedProjects: s.BD_ALLOWED_PROJECTS,
    listen: s.BD_LISTEN,
    dataDir: s.BD_DATA_DIR,
    webhook: { signingSecrets: s.BD_WEBHOOK_SECRET ?? [], tokens: s.BD_WEBHOOK_TOKEN ? [s.BD_WEBHOOK_TOKEN] : [] },
    processUser: s.BD_PROCESS_USER ?? null,
    passEnv: pickEnv(env, [...ALWAYS_PASSED, ...s.BD_PASS_ENV]),
    pythonDownloads: s.BD_PYTHON_DOWNLOADS,
    forks: s.BD_FORKS,
    secretKeys: s.BD_SECRET_KEY ?? [],
    maxRunning: s.BD_MAX_RUNNING,
    sweepEveryMs: s.BD_SWEEP_EVERY,
    maxUploadBytes: s.BD_MAX_UPLOAD,
    maxDiskBytes: s.BD_MAX_DISK,
    keepHistoryMs: s.BD_KEEP_HISTORY,
    logLevel: s.BD_LOG_LEVEL,
    warnings,
  };
}

function secretOf(name: string): Setting | undefined {
  const setting: Setting | undefined = name.endsWith('_FILE')
    ? SETTINGS[name.slice(0, -5) as keyof typeof SETTINGS]
    : undefined;
  return setting?.secret ? setting : undefined;
}

function unknownName(name: string, names: readonly string[]): string {
  const nearest = closest(name, [...names]);
  const hint = distance(name, nearest) <= 6 ? ` Did you mean ${nearest}?` : '';
  return `${name}: there is no such setting.${hint}`;
}

function readValue(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  setting: Setting,
  faults: string[],
): string | undefined {
  const direct = env[name]?.trim() || undefined;
  const path = setting.secret ? env[`${name}_FILE`] : undefined;
  if (path === undefined) return direct;
  if (direct !== undefined) {
    faults.push(`${name}: it is set, and so is ${name}_FILE. Keep one of them`);
    return undefined;
  }
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    faults.push(
      `${name}_FILE: "${path}" cannot be read (${(error as NodeJS.ErrnoException).code}). Example: ${name}_FILE=/run/secrets/${name.toLowerCase()}`,
    );
    return undefined;
  }
}

function pickEnv(env: Readonly<Record<string, string | undefined>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name] as string]])));
}
