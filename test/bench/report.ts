/** One figure of a benchmark: for people and scripts alike. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: '' | 'ms' | '/s' | 'MB' | 'x';
  /** A goal that is kept when the value is at most, or at least, this. None: the figure is for reading only. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

/** `bench <name> <figure> <value><unit> goal <goal> ok|short`; a figure that falls short is never left out. */
export function renderFigure(bench: string, { name, value, unit, goal }: Figure): string {
  const shown = unit === '' ? value.toFixed(2) : unit === '/s' ? value.toFixed(0) : value.toFixed(1);
  if (!goal) return `bench ${bench} ${name} ${shown}${unit} goal none ok`;
  const [sign, bound, kept] =
    'atMost' in goal ? ['<=', goal.atMost, value <= goal.atMost] : ['>=', goal.atLeast, value >= goal.atLeast];
  return `bench ${bench} ${name} ${shown}${unit} goal ${sign}${bound}${unit} ${kept ? 'ok' : 'short'}`;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which this part of the values lies; `part` from 0 to 1. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
