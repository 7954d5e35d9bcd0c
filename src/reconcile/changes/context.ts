import type { LaunchContext, Preset, RecogniseRequest } from '../../apps/preset.ts';
import type { Probe } from '../../changes/probe-release.ts';
import type { AppSpec } from '../../deployment/app-spec.ts';
import type { CommitFacts } from '../../deployment/gitlab-facts.ts';
import type { GitLab } from '../../gitlab/gitlab.ts';
import type { CommitTrees } from '../../store/bundles/commit-trees.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { InstanceContext } from '../instance/context.ts';

/** What comparing a revision with its base works with. */
export interface ChangesContext
  extends Pick<InstanceContext, 'store' | 'runtime' | 'log' | 'logs' | 'now' | 'sealingKeys' | 'setupVariables'> {
  readonly gitlab: Pick<GitLab, 'commit' | 'mergeBase' | 'branchHead' | 'deployedCommit' | 'archive'>;
  readonly commitTrees: CommitTrees;
  readonly probe: Probe;
  /** Of the service; absolute. People are not shown where it lies. */
  readonly dataDir: string;
  /** The time that one side has, from now on: others wait for their turn meanwhile. */
  sideTime(): SideTime;
  presetFor(spec: AppSpec): Preset;
  /** @throws ProblemError where nothing is recognised */
  recogniseApp(request: RecogniseRequest): Promise<AppSpec>;
  /** What an instance is given, but for the variables that were handed over. */
  launchContext(deployment: DeploymentRow, revision: RevisionRow): LaunchContext;
}

/** How long reading one side of a comparison may take as a whole. */
export interface SideTime {
  readonly limitMs: number;
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
}

/** A revision that is being compared. */
export interface Subject {
  readonly deployment: DeploymentRow;
  readonly revision: RevisionRow;
}

/** A revision with what it is compared with. */
export interface Compared extends Subject {
  readonly base: CommitFacts;
}

/** It cannot be known what a revision changes; the message is the reason, in a sentence. */
export class UnknownChanges extends Error {
  override readonly name = 'UnknownChanges';
}
