import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { recognise } from '../../src/apps/recognise.ts';
import type { AppSpec } from '../../src/deployment/app-spec.ts';
import { type Files, writeFiles } from './app-world.ts';

export const PROJECT = '[project]\nname = "shop-etl"\nversion = "1"\ndependencies = ["dagster"]\n';
export const TOOL_DG = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n';
export const LOCK = 'version = 1\n[[package]]\nname = "dagster"\nversion = "1.12.3"\n';

/** A tree for one test. */
export async function makeTree(): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'tree-'));
  onTestFinished(() => rm(tree, { recursive: true, force: true }));
  return tree;
}

/** What is recognised in these files. */
export async function recogniseFiles(files: Files, directory = '.', tree?: string): Promise<AppSpec> {
  const root = tree ?? (await makeTree());
  await writeFiles(root, files);
  return recognise({ tree: root, directory, timeoutMs: 60_000 }, { passed: ['UV_INDEX_URL'] });
}

/** The least that says what to install. */
export const SETUP: Files = { 'requirements.txt': 'dagster\n' };

/** A `dg.toml` of a project. */
export const DG_PROJECT = 'directory_type = "project"\n[project]\nroot_module = "bee"\n';

/** The code locations of a folder that is recognised as Dagster, and what the job's log says of them. */
export async function locationsOf(files: Files, directory = '.') {
  const spec = await recogniseFiles(files, directory);
  if (spec.preset !== 'dagster') throw new Error(`recognised as ${spec.preset}`);
  return { why: spec.remarks[0], remarks: spec.remarks.join('\n'), locations: spec.locations };
}
