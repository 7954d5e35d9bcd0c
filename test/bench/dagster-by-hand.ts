import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DAGSTER_VERSION } from '../../src/apps/dagster/versions.ts';
import type { DagsterLocation } from '../../src/deployment/app-spec.ts';
import { freePort } from '../support/poll.ts';
import { type Program, timeStart } from './by-hand.ts';
import { isLoaded } from './dagster-loaded.ts';

/**
 * The bare commands that anyone would type for a project whose locations have a uv.lock each, in one folder. uv links files from its cache
 * where it can, which the service must not: branches would share them.
 */
export class HandDeployment {
  /** Where the project lies: its files are put there before each deployment. */
  readonly folder = mkdtempSync(join(tmpdir(), 'bd-bench-by-hand-'));
  private readonly home = mkdtempSync(join(tmpdir(), 'bd-bench-dagster-home-'));
  private readonly uv: string;
  private readonly machine: Readonly<Record<string, string>>;

  /** @param machine variables of this machine that both sides get */
  constructor(uv: string, machine: Readonly<Record<string, string>>) {
    this.uv = uv;
    this.machine = machine;
    writeFileSync(join(this.home, 'dagster.yaml'), 'telemetry: { enabled: false }\n');
  }

  /** ms from the first command to the moment in which the webserver has loaded all locations; then all of it is ended. */
  async deploy(locations: readonly DagsterLocation[]): Promise<number> {
    const began = performance.now();
    await this.install(locations);
    for (const { directory, prepare } of locations) {
      if (prepare !== undefined) await this.type(directory, prepare);
    }
    const setUpMs = performance.now() - began;
    return setUpMs + (await this.start(locations));
  }

  /** The environments alone. */
  async install(locations: readonly DagsterLocation[]): Promise<void> {
    await this.makeWebserver();
    for (const { directory } of locations) await this.type(directory, `${this.uv} sync --quiet --locked`);
  }

  close(): void {
    for (const path of [this.folder, this.home]) rmSync(path, { recursive: true, force: true });
  }

  /** Before the first deployment only, on both sides; where the service finds one that is made, so does this side. */
  private async makeWebserver(): Promise<void> {
    const environment = join(this.home, 'env');
    const made = process.env.BD_TEST_WEBSERVER;
    try {
      if (made) symlinkSync(join(made, 'env'), environment);
      else mkdirSync(environment);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw error;
    }
    if (made) return;
    await this.type(this.home, `${this.uv} venv --quiet --clear env`);
    const packages = `dagster==${DAGSTER_VERSION} dagster-webserver==${DAGSTER_VERSION}`;
    await this.type(this.home, `${this.uv} pip install --quiet --python env/bin/python ${packages}`);
  }

  private async type(directory: string, command: string): Promise<void> {
    const cwd = resolve(this.folder, directory);
    await promisify(execFile)('sh', ['-c', command], { cwd, env: this.environment(cwd), maxBuffer: 64 * 1024 * 1024 });
  }

  private async start(locations: readonly DagsterLocation[]): Promise<number> {
    const http = await freePort();
    const ports: number[] = [];
    for (const _ of locations) ports.push(await freePort());
    const entries = locations.map(
      ({ name }, index) => `{ grpc_server: { host: 127.0.0.1, port: ${ports[index]}, location_name: ${name} } }`,
    );
    writeFileSync(join(this.home, 'workspace.yaml'), `load_from: [${entries.join(', ')}]\n`);
    const listen = (port: number) => ['-h', '127.0.0.1', '-p', String(port)];
    const programs: Program[] = locations.map(({ directory, load }, index) => {
      if (load.kind !== 'module') throw new Error(`${directory} is not loaded as a module`);
      const cwd = resolve(this.folder, directory);
      const server = ['-m', 'dagster', 'api', 'grpc', ...listen(ports[index] as number), '-m', load.name];
      return { argv: ['.venv/bin/python', ...server, '--lazy-load-user-code'], cwd, env: this.environment(cwd) };
    });
    programs.push({
      argv: ['env/bin/dagster-webserver', '-w', 'workspace.yaml', ...listen(http)],
      cwd: this.home,
      env: this.environment(this.home),
    });
    const names = locations.map(({ name }) => name);
    return timeStart(programs, () => isLoaded(http, names));
  }

  private environment(cwd: string): Record<string, string> {
    const path = [join(cwd, '.venv', 'bin'), ...(this.uv.includes('/') ? [dirname(this.uv)] : []), process.env.PATH];
    const cache = process.env.BD_TEST_UV_CACHE;
    return {
      ...this.machine,
      PATH: path.filter(Boolean).join(delimiter),
      // As an activated environment has it.
      VIRTUAL_ENV: join(cwd, '.venv'),
      HOME: this.home,
      DAGSTER_HOME: this.home,
      DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT: '1',
      DAGSTER_CLOUD_PULL_REQUEST_ID: '1',
      BRANCH_DEPLOYMENT_DATA_DIR: this.home,
      UV_CACHE_DIR: cache ?? join(this.home, 'uv-cache'),
    };
  }
}
