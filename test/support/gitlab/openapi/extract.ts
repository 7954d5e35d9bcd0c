import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { routes } from '../routes/all.ts';
import type { Operation, OperationFile, Schema } from './operation.ts';
import { unlisted } from './unlisted.ts';

/*
 * Takes the operations that the stand-in serves out of GitLab's OpenAPI description (doc/api/openapi/openapi_v2.yaml):
 *   npx tsx test/support/gitlab/openapi/extract.ts <openapi_v2.yaml>
 */

interface Parameter {
  readonly in: 'path' | 'query' | 'body' | 'formData';
  readonly name: string;
  readonly required?: boolean;
  readonly schema?: { readonly $ref?: string };
  readonly [key: string]: unknown;
}

interface Definition {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly parameters?: readonly Parameter[] }>>>>;
  readonly definitions: Readonly<Record<string, Definition>>;
}

const KEYS = ['type', 'enum', 'items', 'maxLength', 'minimum', 'maximum', 'pattern'];

/** What says how a value must look, without the prose. */
function schemaOf(source: Readonly<Record<string, unknown>>): Schema {
  return Object.fromEntries(
    KEYS.filter((key) => source[key] !== undefined).map((key) => [
      key,
      key === 'items' ? schemaOf(source.items as Readonly<Record<string, unknown>>) : source[key],
    ]),
  );
}

function operationOf(description: Description, parameters: readonly Parameter[]): Operation {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const parameter of parameters) {
    if (parameter.in === 'path') continue;
    if (parameter.in !== 'body') {
      properties[parameter.name] = schemaOf(parameter);
      if (parameter.required) required.push(parameter.name);
      continue;
    }
    const definition = description.definitions[(parameter.schema?.$ref ?? '').replace('#/definitions/', '')];
    for (const [name, schema] of Object.entries(definition?.properties ?? {})) properties[name] = schemaOf(schema);
    required.push(...(definition?.required ?? []));
  }
  return { properties, required };
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Name the file openapi_v2.yaml.');
const description = parse(await readFile(path, 'utf8'), { maxAliasCount: -1 }) as Description;
const operations: Record<string, Operation> = {};
for (const route of routes) {
  const key = `${route.method} ${route.path}`;
  if (unlisted[key]) continue;
  const found = description.paths[`/api/v4${route.path}`]?.[route.method.toLowerCase()];
  if (!found) throw new Error(`GitLab's description has no ${key}: describe it in unlisted.ts.`);
  operations[key] = operationOf(description, found.parameters ?? []);
}
const file: OperationFile = {
  about:
    "Extracted by extract.ts from GitLab's doc/api/openapi/openapi_v2.yaml. Copyright GitLab B.V., licence CC BY-SA 4.0.",
  operations,
};
await writeFile(new URL('operations.json', import.meta.url), `${JSON.stringify(file, null, 2)}\n`);
