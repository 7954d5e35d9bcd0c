import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { durationMs, sizeBytes } from './deployment/units.ts';

const DEFAULT_PASS_ENV =
  'SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE, PIP_CERT, PIP_INDEX_URL, PIP_FIND_LINKS, UV_INDEX_URL, UV_DEFAULT_INDEX, UV_PYTHON_INSTALL_MIRROR, NPM_CONFIG_REGISTRY';

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

const durationOrNever = z.string().transform((value, context) => {
  const ms = value === 'never' ? null : durationMs(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'is neither a duration nor "never"' });
  return z.NEVER;
});

const oneOf = <const T extends readonly string[]>(...values: T) =>
  z.enum(values, { error: `is not one of ${values.join(', ')}` });

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

export const previewDomain = z.string().transform((value, context) => {
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

export interface Setting {
  readonly example: string;
  readonly secret?: true;
  /** Has no effect in this version yet: said at start where it is set. */
  readonly later?: true;
  readonly schema: z.ZodType;
  readonly default?: string;
}

/** Every setting (contract: README "Settings"), with an example for the message that says it is missing or wrong. */
export const SETTINGS = {
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
  BD_RUNTIME: { example: 'process', schema: oneOf('process', 'docker', 'kubernetes'), default: 'process' },
  BD_PROCESS_USER: { example: 'previews', schema: z.string().min(1) },
  BD_PASS_ENV: {
    example: 'SSL_CERT_FILE, UV_INDEX_URL',
    schema: commaList.refine(
      (names) => names.every((n) => /^[A-Za-z_]\w*$/.test(n)),
      'is not a list of variable names',
    ),
    default: DEFAULT_PASS_ENV,
  },
  BD_PREVIEW_ACCESS: { example: 'open', schema: oneOf('sign-in', 'open'), default: 'sign-in' },
  BD_PYTHON_DOWNLOADS: {
    example: 'true',
    schema: oneOf('true', 'false').transform((v) => v === 'true'),
    default: 'false',
  },
  BD_MAX_RUNNING: {
    example: '20',
    schema: z
      .string()
      .regex(/^[1-9]\d{0,4}$/, 'is not a whole number from 1')
      .transform(Number),
    default: '20',
  },
  BD_IDLE_AFTER: { example: '2h', schema: durationOrNever, default: '2h', later: true },
  BD_EXPIRE_AFTER: { example: '14d', schema: durationOrNever, default: '14d', later: true },
  BD_SWEEP_EVERY: { example: '5m', schema: duration, default: '5m' },
  BD_MAX_UPLOAD: { example: '512Mi', schema: size, default: '512Mi' },
  BD_MAX_DISK: { example: '20Gi', schema: size, default: '20Gi' },
  BD_KEEP_HISTORY: { example: '90d', schema: duration, default: '90d' },
  BD_FORKS: { example: 'never', schema: oneOf('never', 'approved'), default: 'never' },
  BD_OAUTH_CLIENT_ID: { example: 'the application id', schema: z.string().min(1), later: true },
  BD_OAUTH_CLIENT_SECRET: { example: 'gloas-…', secret: true, schema: z.string().min(1), later: true },
  BD_SECRET_KEY: {
    example: 'the output of: openssl rand -base64 32',
    secret: true,
    schema: commaList.refine(
      (keys) => keys.length > 0 && keys.every((key) => /^[\w+/-]{43}=?$/.test(key)),
      'is not 32 bytes in base64',
    ),
  },
  BD_LOG_LEVEL: {
    example: 'info',
    schema: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
  },
} satisfies Record<string, Setting>;

export type Settings = { [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };
