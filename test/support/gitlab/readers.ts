import { findMergeRequest } from './acts/merge-requests.ts';
import { accessLevel, findUser } from './acts/people.ts';
import { findJob, findPipeline } from './acts/pipelines.ts';
import { findProject, type ProjectRef } from './acts/projects.ts';
import type { Deployment, Environment, Job, MergeRequest, Note, Pipeline, Project, State, User } from './state.ts';

/** What the stand-in knows, to be read: each method gives the live record. */
export abstract class Readers {
  /** Clock in ms since the epoch. */
  readonly now: () => number;
  readonly state: State = {
    users: [],
    projects: [],
    groups: [],
    mergeRequests: [],
    pipelines: [],
    environments: [],
    deployments: [],
    nextId: 1,
  };

  constructor(now: () => number) {
    this.now = now;
  }

  nextId(): number {
    return this.state.nextId++;
  }

  /** The clock as GitLab writes it. */
  time(): string {
    return new Date(this.now()).toISOString();
  }

  /** Throws where there is none. */
  project(project: ProjectRef): Project {
    return findProject(this, project);
  }

  /** By id or username; throws where there is none. */
  user(user: number | string): User {
    return findUser(this, user);
  }

  /** Effective role, inherited ones included; 0 for none. */
  accessLevel(project: ProjectRef, userId: number): number {
    return accessLevel(this, this.project(project), userId);
  }

  /** Throws where there is none. */
  mergeRequest(project: ProjectRef, iid: number): MergeRequest {
    return findMergeRequest(this, this.project(project), { iid });
  }

  /** What people and bots wrote, oldest first; not GitLab's own notes. */
  notes(project: ProjectRef, iid: number): Note[] {
    return this.mergeRequest(project, iid).notes.filter((note) => !note.system);
  }

  /** Throws where there is none. */
  pipeline(id: number): Pipeline {
    return findPipeline(this, id);
  }

  /** Pipelines that ran in a project, newest first. */
  pipelines(project: ProjectRef): Pipeline[] {
    const { id } = this.project(project);
    return this.state.pipelines.filter((pipeline) => pipeline.projectId === id).reverse();
  }

  /** Throws where there is none. */
  job(id: number): Job {
    return findJob(this, id);
  }

  /** Undefined where there is none. */
  environment(project: ProjectRef, name: string): Environment | undefined {
    return this.environments(project).find((environment) => environment.name === name);
  }

  environments(project: ProjectRef): Environment[] {
    const { id } = this.project(project);
    return this.state.environments.filter((environment) => environment.projectId === id);
  }

  /** Deployments of an environment, oldest first. */
  deployments(environment: Environment): Deployment[] {
    return this.state.deployments.filter((deployment) => deployment.environmentId === environment.id);
  }
}
