import { assetKeyOf } from '../../deployment/asset-key.ts';

/** A field in the bytes of a GraphQL answer that badges are about. */
export type BadgeField =
  | {
      readonly kind: 'reasons';
      readonly start: number;
      readonly end: number;
      readonly id?: string;
      readonly key?: string;
    }
  | { readonly kind: 'version'; readonly end: number };

/** Deeper than any answer of Dagster's, and than a stack is in danger. */
const DEEPEST = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = { object: 0x7b, array: 0x5b } as const;
const CLOSE = { object: 0x7d, array: 0x5d } as const;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * Finds every empty `changedReasons` list, with what its object says of the asset (`id`, `assetKey.path`), and every `versionKey` text, in the
 * order of their ends. The bytes are read where they are: what is not about badges must reach the client as it is, number for number, which
 * parsing and writing anew would not promise.
 *
 * @throws Error where the bytes are no JSON, or nested too deeply
 */
export function findFields(bytes: Buffer): BadgeField[] {
  const scan = new Scan(bytes);
  scan.value(0);
  scan.end();
  return scan.fields.sort((a, b) => a.end - b.end);
}

class Scan {
  readonly fields: BadgeField[] = [];
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  end(): void {
    this.space();
    if (this.at !== this.bytes.length) throw new Error('more than one value');
  }

  /** Passes over a value. */
  value(depth: number): void {
    const first = this.space();
    if (first === OPEN.object) this.object(depth + 1);
    else if (first === OPEN.array) this.array(depth + 1);
    else if (first === QUOTE) this.text();
    else this.literal();
  }

  private object(depth: number): void {
    if (depth > DEEPEST) throw new Error('nested too deeply');
    let id: string | undefined;
    let key: string | undefined;
    let reasons: { start: number; end: number } | undefined;
    this.at += 1;
    if (this.space() === CLOSE.object) {
      this.at += 1;
      return;
    }
    for (;;) {
      if (this.space() !== QUOTE) throw new Error('a name was expected');
      const start = this.at;
      this.text();
      const name = this.nameFrom(start);
      if (this.space() !== COLON) throw new Error('a colon was expected');
      this.at += 1;
      const first = this.space();
      const from = this.at;
      this.value(depth);
      if (name === 'changedReasons' && first === OPEN.array) reasons = { start: from, end: this.at };
      else if (name === 'versionKey' && first === QUOTE) this.fields.push({ kind: 'version', end: this.at });
      else if (name === 'id' && first === QUOTE) id = this.read(from) as string;
      else if (name === 'assetKey' && first === OPEN.object) key = keyOf(this.read(from));
      if (this.space() !== COMMA) break;
      this.at += 1;
    }
    if (this.bytes[this.at] !== CLOSE.object) throw new Error('an object does not end');
    this.at += 1;
    if (reasons && (this.read(reasons.start, reasons.end) as unknown[]).length === 0)
      this.fields.push({
        kind: 'reasons',
        ...reasons,
        ...(id !== undefined && { id }),
        ...(key !== undefined && { key }),
      });
  }

  private array(depth: number): void {
    if (depth > DEEPEST) throw new Error('nested too deeply');
    this.at += 1;
    if (this.space() === CLOSE.array) {
      this.at += 1;
      return;
    }
    for (;;) {
      this.value(depth);
      if (this.space() !== COMMA) break;
      this.at += 1;
    }
    if (this.bytes[this.at] !== CLOSE.array) throw new Error('an array does not end');
    this.at += 1;
  }

  private text(): void {
    for (let at = this.at + 1; at < this.bytes.length; at += 1) {
      const byte = this.bytes[at];
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) {
        this.at = at + 1;
        return;
      }
    }
    throw new Error('a text does not end');
  }

  /** A number, true, false or null. */
  private literal(): void {
    const start = this.at;
    while (isLiteral(this.bytes[this.at])) this.at += 1;
    if (this.at === start) throw new Error('a value was expected');
  }

  private space(): number | undefined {
    let byte = this.bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.bytes[++this.at];
    return byte;
  }

  /** The name of a field, where it is one of those that count; they are told apart by their length first. */
  private nameFrom(start: number): string | undefined {
    const length = this.at - start - 2;
    return LENGTHS.has(length) ? this.bytes.toString('latin1', start + 1, this.at - 1) : undefined;
  }

  private read(start: number, end = this.at): unknown {
    return JSON.parse(this.bytes.toString('utf8', start, end));
  }
}

const LENGTHS: ReadonlySet<number> = new Set(
  ['changedReasons', 'versionKey', 'id', 'assetKey'].map((name) => name.length),
);

function isLiteral(byte: number | undefined): boolean {
  return (
    byte !== undefined &&
    ((byte >= 0x30 && byte <= 0x39) ||
      (byte >= 0x61 && byte <= 0x7a) ||
      byte === 0x2d ||
      byte === 0x2b ||
      byte === 0x2e ||
      byte === 0x45)
  );
}

function keyOf(value: unknown): string | undefined {
  const { path } = value as { path?: unknown };
  return Array.isArray(path) && path.every((part) => typeof part === 'string') ? assetKeyOf(path) : undefined;
}
