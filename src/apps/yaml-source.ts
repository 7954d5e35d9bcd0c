import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument, type Tags } from 'yaml';

/** A parsed YAML file that still knows its lines. */
export interface YamlSource {
  readonly value: unknown;
  /** Line of the key at a path, from 1; undefined where there is no such key. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
  /** A scalar as it is written, without quotes: `3.10` where the value is the number 3.1. */
  textOf(path: readonly PropertyKey[]): string | undefined;
}

/** What is wrong with the YAML itself. */
export interface YamlFault {
  readonly line: number | undefined;
  readonly message: string;
}

/**
 * Parses YAML. Aliases may be used, but not so many that they become a bomb (yaml's `maxAliasCount`).
 * @param options.version 1.1 for what PyYAML reads, with Dagster's exception: a date is text
 */
export function parseYaml(text: string, options: { readonly version?: '1.1' | '1.2' } = {}): YamlSource | YamlFault {
  const lines = new LineCounter();
  const { version = '1.2' } = options;
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version,
    ...(version === '1.1' ? { customTags: withoutDates } : {}),
  });
  const [error] = document.errors;
  if (error) return { line: lines.linePos(error.pos[0]).line, message: error.message };
  try {
    return {
      value: document.toJS({ maxAliasCount: 100 }),
      lineOf: (path) => {
        const offset = keyOffset(document, path);
        return offset === undefined ? undefined : lines.linePos(offset).line;
      },
      textOf: (path) => {
        const node = document.getIn(path, true);
        return isScalar(node) ? (node.source ?? String(node.value)) : undefined;
      },
    };
  } catch (cause) {
    return { line: undefined, message: cause instanceof Error ? cause.message : String(cause) };
  }
}

function withoutDates(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:timestamp');
}

function keyOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const last = path.at(-1);
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
    if (pair && isScalar(pair.key)) return pair.key.range?.[0];
  }
  const node = document.getIn(path, true) as { range?: readonly number[] | null } | undefined;
  return node?.range?.[0];
}
