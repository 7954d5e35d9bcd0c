import type { JWTPayload } from 'jose';
import * as z from 'zod';
import type { JobClaims } from '../../deployment/gitlab-facts.ts';
import { claimsFault } from './faults.ts';

/** Ids are strings in the token. */
const id = z
  .union([z.string().regex(/^[1-9]\d{0,15}$/), z.int().positive()])
  .transform(Number)
  .refine(Number.isSafeInteger);

/** Booleans are strings in the token. */
const flag = z.union([z.boolean(), z.enum(['true', 'false'])]).transform((value) => value === true || value === 'true');

const text = z.string().min(1);

const claims = z
  .object({
    job_id: id,
    pipeline_id: id,
    pipeline_source: text,
    project_id: id,
    project_path: text,
    // 18.4 and up, backported to 18.3.
    job_project_id: id.nullish(),
    ref: text,
    ref_protected: flag,
    sha: text,
    user_login: text,
    // Only where the job names an environment.
    environment: z.string().nullish(),
    environment_action: z.string().nullish(),
  })
  .transform(
    (wire): JobClaims => ({
      jobId: wire.job_id,
      pipelineId: wire.pipeline_id,
      pipelineSource: wire.pipeline_source,
      runningProjectId: wire.job_project_id ?? wire.project_id,
      projectId: wire.project_id,
      projectPath: wire.project_path,
      ref: wire.ref,
      refProtected: wire.ref_protected,
      sha: wire.sha,
      userLogin: wire.user_login,
      environment: wire.environment ?? null,
      environmentAction: wire.environment_action ?? null,
    }),
  );

/** Claims of a verified token in the service's words. `sub` is not read: projects can change what it is made of. */
export function readClaims(payload: JWTPayload): JobClaims {
  const result = claims.safeParse(payload);
  if (result.success) return result.data;
  throw claimsFault([...new Set(result.error.issues.map((issue) => String(issue.path[0])))]);
}
