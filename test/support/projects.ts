import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIXTURES = fileURLToPath(new URL('../fixtures/apps', import.meta.url));

/** The files of a project under `test/fixtures/apps`, by their paths in it. */
export function fixtureFiles(name: string): Record<string, string> {
  const root = join(FIXTURES, name);
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/(^|[/\\])(\.venv|__pycache__)([/\\]|$)/.test(path))
    .filter((path) => statSync(join(root, path)).isFile());
  return Object.fromEntries(
    paths.map((path) => [relative('.', path).replaceAll('\\', '/'), readFileSync(join(root, path), 'utf8')]),
  );
}

/** A `.gitlab-ci.yml` that includes the component. */
export function componentInclude(serviceUrl: string, inputs: Readonly<Record<string, unknown>> = {}): string {
  const lines = Object.entries({ service_url: serviceUrl, ...inputs }).map(
    ([key, value]) => `      ${key}: ${JSON.stringify(value)}`,
  );
  return `include:\n  - component: $CI_SERVER_FQDN/tools/branch-deployments/branch-deployment@1.0.0\n    inputs:\n${lines.join('\n')}\n`;
}

/** A Node web application with the component included. `version` shows in its answer. */
export function nodeProject(
  serviceUrl: string,
  inputs: Readonly<Record<string, unknown>> = {},
): Record<string, string> {
  return {
    '.gitlab-ci.yml': componentInclude(serviceUrl, inputs),
    '.branch-deployment.yml': 'preset: command\nstart: node server.mjs\nhealth: /healthz\n',
    'server.mjs': nodeServer('one'),
  };
}

/** Source of an app that answers with a text, the values that it was given, and after `?delay=<ms>` where asked. */
export function nodeServer(text: string): string {
  return `import { createServer } from 'node:http';
const server = createServer((req, res) => {
  const url = new URL(req.url, 'http://app');
  if (url.pathname === '/healthz') return res.end('ok');
  if (url.pathname === '/pid') return res.end(String(process.pid));
  if (url.pathname === '/env') return res.end(JSON.stringify(process.env));
  setTimeout(() => res.end('${text}'), Number(url.searchParams.get('delay') ?? 0));
});
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log('listening on', process.env.PORT));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;
}
