import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A package index with a sign-in, behind a certificate authority that nobody else knows. */
export interface PrivateIndex {
  /** `https://localhost:…/simple`, with the sign-in. */
  readonly url: string;
  /** The same without it. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  /** File with the authority's certificate. */
  readonly authority: string;
  close(): Promise<void>;
}

/** Wheel of a package `tiny-of-the-team` 1.0, made by Python's zipfile: a wheel is no more than that. */
const WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("tiny.py", "SAYS = 'from the private index'\\n")
    info = "tiny_of_the_team-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tiny-of-the-team\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "tiny.py,,\\n" + "".join(f"{info}{name},,\\n" for name in ("METADATA", "WHEEL", "RECORD")))
`;

/** Starts one on loopback; its files go into `folder`. */
export async function startPrivateIndex(folder: string): Promise<PrivateIndex> {
  const file = (name: string): string => join(folder, name);
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Private authority');
  const own = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
    '-addext',
    'basicConstraints=CA:FALSE',
  ];
  openssl('req', '-x509', ...key, '-keyout', 'own.key', '-out', 'own.pem', ...own, '-CA', 'ca.pem', '-CAkey', 'ca.key');
  const wheel = 'tiny_of_the_team-1.0-py3-none-any.whl';
  execFileSync('python3', ['-c', WHEEL, file(wheel)]);

  const user = 'reader';
  const password = 'index-password-3f9d1c';
  const proof = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer(
    { key: readFileSync(file('own.key')), cert: readFileSync(file('own.pem')) },
    (req, res) => {
      if (req.headers.authorization !== proof) {
        res.writeHead(401, { 'www-authenticate': 'Basic realm="index"' }).end();
      } else if (req.url === '/simple/tiny-of-the-team/') {
        res.writeHead(200, { 'content-type': 'text/html' }).end(`<a href="/${wheel}">${wheel}</a>`);
      } else if (req.url === `/${wheel}`) {
        res.writeHead(200, { 'content-type': 'application/octet-stream' }).end(readFileSync(file(wheel)));
      } else {
        res.writeHead(404).end();
      }
    },
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://${user}:${password}@localhost:${port}/simple`,
    address: `https://localhost:${port}/simple`,
    user,
    password,
    authority: file('ca.pem'),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
