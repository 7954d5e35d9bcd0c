import { z } from 'zod';
import { mayHandOver } from '../../deployment/given-names.ts';
import { durationMs } from '../../deployment/units.ts';
import { ProblemError } from '../../errors.ts';

/** Oldest and newest version of the component that this service understands: same major. */
const COMPONENT_MAJOR = 1;

const relativeFolder = z
  .string()
  .transform((path) => path.replace(/^(\.\/)+/, '').replace(/\/+$/, '') || '.')
  .refine(
    (path) => path === '.' || (!path.startsWith('/') && !path.split('/').includes('..') && !/[\0\r\n]/.test(path)),
    'must be a folder inside the repository, like apps/web',
  );

const notYet = (what: string) =>
  z.string().refine((value) => value.trim() === '', `is not there yet (${what}): leave it out for now`);

/** Names with spaces between them, as the component's input has them. */
const variableNames = z
  .string()
  .default('')
  .transform((text, context) => {
    const names = [...new Set(text.split(/\s+/).filter(Boolean))];
    const refuse = (wrong: readonly string[], why: string) =>
      wrong.length > 0 && context.addIssue({ code: 'custom', message: `names ${wrong.join(', ')}: ${why}` });
    const isName = (name: string) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
    refuse(
      names.filter((name) => !isName(name)).map((name) => JSON.stringify(name)),
      'the name of a variable has letters, digits and _ only, and names have spaces between them',
    );
    refuse(
      names.filter((name) => isName(name) && !mayHandOver(name)),
      'the service gives the app its own, so they cannot be handed over. Leave them out, or use other names',
    );
    return names;
  });

const fields = {
  merge_request_iid: z
    .string()
    .regex(/^\d{1,10}$/, 'must be the number of a merge request: the job must run in a merge-request pipeline')
    .transform(Number),
  /** The target project, which of a fork's pipeline is not the one that runs the job. A component that does not send it means the same one. */
  merge_request_project_id: z
    .string()
    .regex(/^\d{0,15}$/, 'must be the id of the project that the merge request is in')
    .default('')
    .transform((text) => (text === '' ? undefined : Number(text))),
  app: z.string().regex(/^[a-z0-9-]{0,30}$/, 'must be at most 30 characters of a-z, 0-9 and -'),
};

/** What the deploy job sends first: the component's inputs. */
const DeployRequest = z.object({
  ...fields,
  directory: relativeFolder,
  context: relativeFolder,
  timeout: z.string().transform((text, ctx) => {
    const ms = durationMs(text);
    if (ms !== undefined) return ms;
    ctx.addIssue({ code: 'custom', message: 'must be a duration like 90s, 15m or 1h' });
    return z.NEVER;
  }),
  container_image: notYet('running a container image').default(''),
  external_url: notYet('a deployment that somebody else runs').default(''),
  variables: variableNames,
  setup_variables: variableNames,
  event_type: z.string().default(''),
});
export type DeployRequest = z.infer<typeof DeployRequest>;

const StopRequest = z.object(fields);
export type StopRequest = z.infer<typeof StopRequest>;

/** @throws {ProblemError} 422 naming each input that is wrong */
export function parseDeployRequest(form: Record<string, unknown>): DeployRequest {
  const request = parse(DeployRequest, form);
  if (
    request.context !== '.' &&
    request.directory !== request.context &&
    !request.directory.startsWith(`${request.context}/`)
  ) {
    throw new ProblemError(
      'invalid-input',
      422,
      `The input "directory" (${request.directory}) must lie within "context" (${request.context}).`,
    );
  }
  return request;
}

/** @throws {ProblemError} 422 naming each input that is wrong */
export function parseStopRequest(form: Record<string, unknown>): StopRequest {
  return parse(StopRequest, form);
}

/** @throws {ProblemError} 426 where the component is of another major version */
export function checkComponent(version: string | undefined): void {
  const major = /^(\d+)\.\d+\.\d+/.exec(version ?? '')?.[1];
  if (major !== undefined && Number(major) === COMPONENT_MAJOR) return;
  throw new ProblemError(
    'component-version',
    426,
    version === undefined
      ? 'The request names no version of the component (header BD-Component). Use the jobs of the component branch-deployment.'
      : `This service speaks with version ${COMPONENT_MAJOR} of the component, and the job uses ${version}. Upgrade ${Number(major ?? 0) > COMPONENT_MAJOR ? 'the service' : `the component: include branch-deployment@${COMPONENT_MAJOR}`}.`,
  );
}

function parse<T extends z.ZodType>(schema: T, form: Record<string, unknown>): z.output<T> {
  const parsed = schema.safeParse(form);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    (issue) => `The input "${issue.path.join('.')}" ${issue.code === 'invalid_type' ? 'is missing' : issue.message}.`,
  );
  throw new ProblemError('invalid-input', 422, faults.join('\n'));
}
