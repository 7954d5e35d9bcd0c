import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { durationMs, sizeBytes } from './deployment/units.ts';

const DEFAULT_PASS_ENV =
  'SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE, PIP_CERT, PIP_INDEX_URL, PIP_FIND_LINKS, UV_INDEX_URL, UV_DEFAULT_INDEX, UV_PYTHON_INSTALL_MIRROR, NPM_CONFIG_REGISTRY';

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

const url = z.string().transform((value, context) => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    context.addIssue({ code: 'custom', message: 'is not an http(s) URL' });
    return z.NEVER;
  }
  if (parsed.username || parsed.password || parsed.search || parsed.hash) {
    context.addIssue({ code: 'custom', message: 'must have no user name, password, query or fragment' });
    return z.NEVER;
  }
  return parsed;
});

const duration = z.string().transform((value, context) => {
  const ms = durationMs(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'is not a duration' });
  return z.NEVER;
});

const durationOrNever = z.union([z.literal('never').transform(() => null), duration]);

const size = z.string().transform((value, context) => {
  const bytes = sizeBytes(value);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: 'is not a size' });
  return z.NEVER;
});

const commaList = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

const listen = z.string().transform((value, context) => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(value);
  const port = Number(match?.[3]);
  if (match && port <= 65535) return { host: (match[1] ?? match[2]) as string, port };
  context.addIssue({ code: 'custom', message: 'is not <address>:<port>' });
  return z.NEVER;
});

const previewDomain = z.string().transform((value, context) => {
  const host = value.toLowerCase().replace(/\.$/, '');
  if (isIP(host.replace(/^\[|\]$/g, '')))
    context.addIssue({ code: 'custom', message: 'is an IP address: previews need host names of their own' });
  else if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host))
    context.addIssue({ code: 'custom', message: 'is not a host name (no scheme, no port)' });
  else return host;
  return z.NEVER;
});

const signingSecrets = commaList.refine(
  (secrets) => secrets.length > 0 && secrets.every((secret) => /^whsec_[A-Za-z0-9+/]{16,}={0,2}$/.test(secret)),
  {
    message: 'is not a signing token (or a comma list of them)',
  },
);

const allowedProjects = commaList.refine(
  (items) =>
    items.length > 0 && items.every((item) => /^\d+$/.test(item) || /^[\w.-]+(\/[\w.-]+)*(\/\*{1,2})?$/.test(item)),
  {
    message: 'is not a list of project ids, project paths, group/* or group/**',
  },
);

interface Setting {
  readonly example: string;
  readonly secret?: true;
  /** Has no effect in this version yet: said at start where it is set. */
  readonly later?: true;
  readonly schema: z.ZodType;
  readonly default?: string;
}

/** Every setting (contract: README "Settings"), with an example for the message that says it is missing or wrong. */
const SETTINGS = {
  BD_GITLAB_URL: { example: 'https://gitlab.example.com', schema: url },
  BD_GITLAB_TOKEN: {
    example: 'glpat-…',
    secret: true,
    schema: z
      .string()
      .min(1)
      .refine((v) => !/\s/.test(v), 'contains white space'),
  },
  BD_GITLAB_ISSUER: { example: 'https://gitlab.example.com', schema: url },
  BD_PUBLIC_URL: { example: 'https://previews.example.com', schema: url },
  BD_PREVIEW_DOMAIN: { example: 'previews.example.com', schema: previewDomain },
  BD_ALLOWED_PROJECTS: { example: '42, data/platform, data/*', schema: allowedProjects },
  BD_LISTEN: { example: '127.0.0.1:8080', schema: listen, default: '127.0.0.1:8080' },
  BD_DATA_DIR: {
    example: './data',
    schema: z
      .string()
      .min(1)
      .transform((v) => resolve(v)),
    default: './data',
  },
  BD_WEBHOOK_SECRET: { example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', secret: true, schema: signingSecrets },
  BD_WEBHOOK_TOKEN: {
    example: 'a long random text',
    secret: true,
    schema: z.string().min(8, 'is shorter than 8 characters'),
  },
  BD_RUNTIME: { example: 'process', schema: z.enum(['process', 'docker', 'kubernetes']), default: 'process' },
  BD_PROCESS_USER: { example: 'previews', schema: z.string().min(1) },
  BD_PASS_ENV: {
    example: 'SSL_CERT_FILE, UV_INDEX_URL',
    schema: commaList.refine(
      (names) => names.every((n) => /^[A-Za-z_]\w*$/.test(n)),
      'is not a list of variable names',
    ),
    default: DEFAULT_PASS_ENV,
  },
  BD_PREVIEW_ACCESS: { example: 'open', schema: z.enum(['sign-in', 'open']), default: 'sign-in' },
  BD_PYTHON_DOWNLOADS: {
    example: 'true',
    schema: z.enum(['true', 'false']).transform((v) => v === 'true'),
    default: 'false',
  },
  BD_MAX_RUNNING: {
    example: '20',
    schema: z
      .string()
      .regex(/^[1-9]\d{0,4}$/, 'is not a whole number from 1')
      .transform(Number),
    default: '20',
    later: true,
  },
  BD_IDLE_AFTER: { example: '2h', schema: durationOrNever, default: '2h', later: true },
  BD_EXPIRE_AFTER: { example: '14d', schema: durationOrNever, default: '14d', later: true },
  BD_SWEEP_EVERY: { example: '5m', schema: duration, default: '5m' },
  BD_MAX_UPLOAD: { example: '512Mi', schema: size, default: '512Mi' },
  BD_MAX_DISK: { example: '20Gi', schema: size, default: '20Gi', later: true },
  BD_KEEP_HISTORY: { example: '90d', schema: duration, default: '90d', later: true },
  BD_FORKS: { example: 'never', schema: z.enum(['never', 'approved']), default: 'never' },
  BD_OAUTH_CLIENT_ID: { example: 'the application id', schema: z.string().min(1), later: true },
  BD_OAUTH_CLIENT_SECRET: { example: 'gloas-…', secret: true, schema: z.string().min(1), later: true },
  BD_SECRET_KEY: {
    example: 'the output of: openssl rand -base64 32',
    secret: true,
    schema: commaList.refine(
      (keys) => keys.length > 0 && keys.every((k) => Buffer.from(k, 'base64').length === 32),
      'is not 32 bytes in base64',
    ),
    later: true,
  },
  BD_LOG_LEVEL: {
    example: 'info',
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    default: 'info',
  },
} satisfies Record<string, Setting>;

type Settings = { [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };
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
  readonly sweepEveryMs: number;
  readonly maxUploadBytes: number;
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
    if (raw !== undefined) given.add(name);
    const text = raw ?? setting.default;
    if (text === undefined) continue;
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else {
      const found = setting.secret ? 'its value' : `"${text}"`;
      faults.push(
        `${name}: ${found} ${parsed.error.issues[0]?.message.replace(/^Invalid option: expected one of /, 'is not one of ')}. Example: ${name}=${setting.example}`,
      );
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
  if (s.BD_FORKS === 'approved')
    faults.push('BD_FORKS: "approved" is not there yet; merge requests from forks do not run. Example: BD_FORKS=never');
  if (s.BD_PREVIEW_ACCESS === 'sign-in') {
    faults.push(
      'BD_PREVIEW_ACCESS: "sign-in" (the default) is not there yet. Previews are open to everybody who can reach them, so this must be stated. Example: BD_PREVIEW_ACCESS=open',
    );
  }
  if (faults.length > 0) throw new ConfigError(faults);

  const warnings = names
    .filter((n) => given.has(n) && (SETTINGS[n] as Setting).later)
    .map((n) => `${n} is set, and has no effect in this version yet`);
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
    sweepEveryMs: s.BD_SWEEP_EVERY,
    maxUploadBytes: s.BD_MAX_UPLOAD,
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
