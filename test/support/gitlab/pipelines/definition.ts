/** A job as the expanded configuration describes it, in the parts that the runner knows. */
export interface JobDefinition {
  readonly name: string;
  readonly stage: string;
  readonly when: 'on_success' | 'on_failure' | 'always' | 'manual';
  readonly allowFailure: boolean | { readonly exitCodes: readonly number[] };
  readonly script: readonly string[];
  readonly afterScript: readonly string[];
  /** Global ones first; values as written, with `$$` for a dollar that is not to be expanded. */
  readonly variables: Readonly<Record<string, string>>;
  /** Undefined: waits for the stages before its own. */
  readonly needs: ReadonlyArray<{ job: string; artifacts: boolean; optional: boolean }> | undefined;
  /** Undefined: files of all jobs that came before. */
  readonly dependencies: readonly string[] | undefined;
  readonly environment: EnvironmentDefinition | undefined;
  readonly artifacts: { readonly paths: readonly string[]; readonly dotenv: string | undefined };
  /** Audience by variable name. */
  readonly idTokens: Readonly<Record<string, string>>;
}

export interface EnvironmentDefinition {
  readonly name: string;
  readonly url: string | undefined;
  readonly onStop: string | undefined;
  readonly action: 'start' | 'stop' | 'prepare' | 'verify' | 'access';
  readonly tier: string | undefined;
}

export interface Configuration {
  readonly stages: readonly string[];
  /** Jobs whose rules add them to the pipeline. */
  readonly jobs: readonly JobDefinition[];
  /** All of the expanded configuration, by job name, for who looks at keywords that the runner does not need. */
  readonly expanded: Readonly<Record<string, unknown>>;
}

type Raw = Record<string, unknown>;
const raw = (value: unknown): Raw => (typeof value === 'object' && value !== null ? (value as Raw) : {});
const lines = (value: unknown): string[] =>
  value === undefined || value === null ? [] : (Array.isArray(value) ? value.flat(9) : [value]).map(String);

/** What the listing of jobs tells of one: the outcome of its rules. */
export interface ListedJob {
  name: string;
  stage: string;
  when: string;
  allow_failure: boolean | { exit_codes: number | number[] };
  needs?: Array<{ job: string; artifacts?: boolean; optional?: boolean }> | null;
}

/**
 * Reads one job out of the expanded configuration.
 * Throws where the job uses what this runner does not do, so that a test never passes because a keyword was ignored.
 */
export function readJob(listed: ListedJob, expanded: Raw): JobDefinition {
  const job = raw(expanded[listed.name]);
  for (const keyword of ['trigger', 'parallel', 'retry', 'resource_group', 'services', 'run', 'pages']) {
    if (keyword in job) throw new Error(`job ${listed.name}: "${keyword}" is not supported`);
  }
  for (const rule of (job.rules as Raw[] | undefined) ?? []) {
    if ('variables' in rule) throw new Error(`job ${listed.name}: "rules:variables" is not supported`);
  }
  if (!['on_success', 'on_failure', 'always', 'manual'].includes(listed.when)) {
    throw new Error(`job ${listed.name}: "when: ${listed.when}" is not supported`);
  }
  const artifacts = raw(job.artifacts);
  const dotenv = lines(raw(artifacts.reports).dotenv)[0];
  return {
    name: listed.name,
    stage: listed.stage,
    when: listed.when as JobDefinition['when'],
    allowFailure:
      typeof listed.allow_failure === 'boolean'
        ? listed.allow_failure
        : { exitCodes: [listed.allow_failure.exit_codes].flat() },
    script: [...lines(job.before_script), ...lines(job.script)],
    afterScript: lines(job.after_script),
    variables: { ...readVariables(expanded.variables), ...readVariables(job.variables) },
    needs: listed.needs?.map(({ job: name, artifacts: wanted = true, optional = false }) => ({
      job: name,
      artifacts: wanted,
      optional,
    })),
    dependencies: job.dependencies === undefined ? undefined : lines(job.dependencies),
    environment: readEnvironment(job.environment),
    artifacts: { paths: lines(artifacts.paths), dotenv },
    idTokens: Object.fromEntries(
      Object.entries(raw(job.id_tokens)).map(([name, token]) => [name, lines(raw(token).aud)[0] ?? '']),
    ),
  };
}

function readVariables(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(raw(value)).map(([name, given]) => [
      name,
      String(typeof given === 'object' && given !== null ? (raw(given).value ?? '') : (given ?? '')),
    ]),
  );
}

function readEnvironment(value: unknown): EnvironmentDefinition | undefined {
  if (value === undefined || value === null) return undefined;
  const environment: Raw = typeof value === 'string' ? { name: value } : raw(value);
  const text = (name: string) => (environment[name] === undefined ? undefined : String(environment[name]));
  return {
    name: text('name') ?? '',
    url: text('url'),
    onStop: text('on_stop'),
    action: (text('action') ?? 'start') as EnvironmentDefinition['action'],
    tier: text('deployment_tier'),
  };
}
