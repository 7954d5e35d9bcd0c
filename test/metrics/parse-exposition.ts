/** A sample's labels as they stand between the braces, with its value. */
export type Samples = ReadonlyMap<string, number>;

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABELS = `(?:\\{(${'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\.)*"'}(?:,${'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\.)*"'})*)?\\})?`;
// Go's ParseFloat, which Prometheus reads numbers with, takes "Nan" too; prom-client writes it so.
const SAMPLE = new RegExp(`^(${NAME})${LABELS} ([-+]?(?:\\d[\\d.e+-]*|Inf)|Na[Nn])$`);

/**
 * Reads Prometheus' text format as strictly as promtool does: each family has its help and type once, before its samples, no sample comes
 * twice, and a histogram's buckets grow up to its count.
 */
export function parseExposition(text: string): Samples {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  const helps = new Set<string>();
  for (const line of text.split('\n').filter((l) => l !== '')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment) {
      const [, what, family, rest] = comment as unknown as [string, string, string, string];
      const isRepeated = what === 'HELP' ? helps.has(family) : types.has(family);
      if (isRepeated) throw new Error(`${family} has its ${what} twice`);
      if (what === 'HELP') helps.add(family);
      else types.set(family, rest);
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (!sample) throw new Error(`this is no sample: ${line}`);
    const [, name, labels = '', value] = sample as unknown as [string, string, string | undefined, string];
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count|total)$/, '');
    if (!types.has(family) || !helps.has(family)) throw new Error(`${name} has no type or no help before it`);
    if (types.get(family) === 'counter' && Number(value) < 0) throw new Error(`${name} is a counter below 0`);
    const key = labels === '' ? name : `${name}{${labels}}`;
    if (samples.has(key)) throw new Error(`${key} comes twice`);
    samples.set(key, Number(value.replace('Inf', 'Infinity')));
  }
  for (const [family, type] of types) if (type === 'histogram') checkBuckets(family, samples);
  return samples;
}

function checkBuckets(family: string, samples: Samples): void {
  let last = { series: '', value: 0 };
  for (const [key, value] of samples) {
    if (!key.startsWith(`${family}_bucket{`)) continue;
    const le = /le="([^"]+)"/.exec(key)?.[1];
    const others = (/\{(.*)\}/.exec(key)?.[1] ?? '').replace(/,?le="[^"]+",?/, '');
    if (others === last.series && value < last.value) throw new Error(`${key} is less than the bucket before`);
    last = { series: others, value };
    const count = samples.get(others === '' ? `${family}_count` : `${family}_count{${others}}`);
    if (le === '+Inf' && value !== count) throw new Error(`${key} is ${value}, and the count ${count}`);
  }
}
