import { Ajv, type ValidateFunction } from 'ajv';
import type { Operation, OperationFile } from './operation.ts';
import file from './operations.json' with { type: 'json' };
import { unlisted } from './unlisted.ts';

const ajv = new Ajv({ coerceTypes: true, allErrors: true, strict: false, formats: { file: true } });
const compiled = new Map<string, ValidateFunction>();

function validatorOf(key: string): ValidateFunction | undefined {
  const known = compiled.get(key);
  if (known) return known;
  const operation: Operation | undefined = unlisted[key] ?? (file as OperationFile).operations[key];
  if (!operation) return undefined;
  const properties: Record<string, unknown> = { ...operation.properties };
  if (key.startsWith('GET '))
    for (const name of ['page', 'per_page']) properties[name] = { type: 'integer', minimum: 1 };
  // GitLab takes null for "not given".
  for (const [name, schema] of Object.entries(properties)) {
    if (!operation.required.includes(name)) properties[name] = { anyOf: [schema, { type: 'null' }] };
  }
  const validate = ajv.compile({
    type: 'object',
    properties,
    required: [...operation.required],
    additionalProperties: false,
  });
  compiled.set(key, validate);
  return validate;
}

/**
 * Checks what a request carries against the operation, and turns text into the types that it names (in place).
 * @param key `GET /projects/{id}`
 * @returns what is wrong, in a sentence; undefined where nothing is
 */
export function checkRequest(key: string, input: Record<string, unknown>): string | undefined {
  const validate = validatorOf(key);
  if (!validate) return `The stand-in has no description of ${key}: run openapi/extract.ts.`;
  if (validate(input)) return undefined;
  return (validate.errors ?? [])
    .map(({ keyword, params, instancePath, message }) =>
      keyword === 'additionalProperties'
        ? `${String(params.additionalProperty)} is unknown`
        : `${instancePath.slice(1) || String(params.missingProperty ?? '')} is invalid: ${message}`,
    )
    .join('; ');
}
