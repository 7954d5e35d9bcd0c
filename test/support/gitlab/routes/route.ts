import { findMergeRequest } from '../acts/merge-requests.ts';
import { ApiRefusal } from '../api-refusal.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { MergeRequest, Project, User } from '../state.ts';

/** One authentic request whose keys are checked. */
export interface Call {
  readonly gitlab: StandInGitLab;
  readonly user: User;
  /** As it was sent. */
  readonly token: string;
  /** Of routes below `/projects/{id}`; `null` elsewhere. */
  readonly project: Project;
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Query and body together, with the types of the description. */
  readonly input: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON, unless it is text or bytes. Nothing for 204. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As in GitLab's description, below `/api/v4`. */
  readonly path: string;
  /** Role that it takes in the project; null where it belongs to none. */
  readonly level: number | null;
  handle(call: Call): Answer | Promise<Answer>;
}

export const GUEST = 10;
export const REPORTER = 20;
export const DEVELOPER = 30;
export const MAINTAINER = 40;

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });

export function notFound(what: string): ApiRefusal {
  return new ApiRefusal(404, { message: `404 ${what} Not Found` });
}

export function forbidden(): ApiRefusal {
  return new ApiRefusal(403, { message: '403 Forbidden' });
}

/** A path parameter that is a number; anything else is not found, as what it names. */
export function numberOf(call: Call, name: string): number {
  const value = call.params[name] ?? '';
  if (!/^\d+$/.test(value)) throw new ApiRefusal(400, { error: `${name} is invalid` });
  return Number(value);
}

export function textOf(call: Call, name: string): string | undefined {
  const value = call.input[name];
  return typeof value === 'string' ? value : undefined;
}

export function mergeRequestOfCall(call: Call): MergeRequest {
  const iid = numberOf(call, 'merge_request_iid');
  const { state } = call.gitlab;
  if (!state.mergeRequests.some((other) => other.projectId === call.project.id && other.iid === iid))
    throw notFound('Merge Request');
  return findMergeRequest(call.gitlab, call.project, { iid });
}
