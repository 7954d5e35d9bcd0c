import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { ProblemError } from '../../errors.ts';
import type { YamlSource } from '../yaml-source.ts';
import { AppFile } from './schema.ts';

/** What zod found, in a user's words: the line, the key, and for an unknown one the nearest that is known. */
export function describeIssue(issue: z.core.$ZodIssue, source: YamlSource, schema: z.ZodType = AppFile): string[] {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = knownKeys(schema, issue.path);
      const nearest = known.length > 0 ? closest(key, known) : '';
      const hint =
        nearest && distance(key, nearest) <= 3 ? `; did you mean "${nearest}"?` : `. Known are ${known.join(', ')}`;
      return `${at(source.lineOf([...issue.path, key]))}${[...issue.path, key].map(String).join('.')}: unknown key${hint}`;
    });
  }
  if (issue.code === 'invalid_union') {
    // The branch that got furthest says most: an unknown key inside a hook, rather than "no branch fits".
    const best = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    if (best.length > 0)
      return best.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, source, schema));
  }
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return [`${at(source.lineOf(issue.path))}${where}: ${message.replace(/^Invalid (input|option): /, '')}`];
}

/** The keys that an object at a path may have. */
function knownKeys(root: z.ZodType, path: readonly PropertyKey[]): string[] {
  let schema: unknown = root;
  for (const part of [...path, undefined]) {
    while (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) schema = schema.unwrap();
    if (part === undefined) break;
    if (schema instanceof z.ZodArray) schema = schema.element;
    else if (schema instanceof z.ZodUnion) schema = schema.options.find((one) => one instanceof z.ZodObject);
    else if (schema instanceof z.ZodObject) schema = schema.shape[String(part)];
    else return [];
  }
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : []));
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Where a fault is, to begin its message with. */
export const at = (line: number | undefined): string => (line === undefined ? '' : `line ${line}: `);

/** The refusal of an app file, with all of its faults. */
export function fault(file: string, faults: readonly string[]): ProblemError {
  return new ProblemError('app-file', 422, `${file} cannot be used:\n${faults.map((one) => `  - ${one}`).join('\n')}`);
}
