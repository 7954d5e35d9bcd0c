/** What stands in the place of a secret; GitLab's own word for it in job logs. */
export const MASK = '[MASKED]';

/** Characters from which on a value is masked: shorter ones ("1", "dev") stand in any text by chance. */
const SHORTEST = 4;

/** The same for one line of a longer value, and for the middle of a base64 text. */
const SHORTEST_PART = 8;

/** Takes secrets out of a stream of bytes, also where they are split between chunks. */
export interface Masker {
  /** What of the stream may go on; the last bytes are kept back while they may be the beginning of a secret. */
  write(chunk: Uint8Array): Buffer;
  /** What was kept back, at the end of the stream. */
  end(): Buffer;
  /** How many bytes of the stream are kept back now: whoever resumes it later begins with these. */
  readonly held: number;
}

/**
 * A masker for one stream: each value as it is, its longer lines, and in base64, URL and JSON encoding.
 * What comes out does not depend on how the stream is cut into chunks.
 *
 * Limit: a value of fewer than four characters, or one that the app has changed in another way, is not found.
 */
export function createMasker(values: readonly string[]): Masker {
  const patterns = patternsOf(values);
  if (patterns.beginning.size === 0)
    return { write: (chunk) => Buffer.from(chunk), end: () => Buffer.alloc(0), held: 0 };
  // Latin 1: one character for each byte, so that a character split between chunks does no harm.
  let kept = '';
  const mask = (text: string, isEnd: boolean): Buffer => {
    const out: string[] = [];
    let from = 0;
    let at = 0;
    while (at < text.length) {
      const found = findAt(patterns, text, { at, isEnd });
      if (found === 'unknown yet') break;
      if (found === 0) at += 1;
      else {
        out.push(text.slice(from, at), MASK);
        at += found;
        from = at;
      }
    }
    out.push(text.slice(from, at));
    kept = text.slice(at);
    return Buffer.from(out.join(''), 'latin1');
  };
  return {
    write: (chunk) => mask(kept + Buffer.from(chunk).toString('latin1'), false),
    end: () => mask(kept, true),
    get held() {
      return kept.length;
    },
  };
}

/** What is looked for, found by how it begins: a text is gone through once, however many patterns there are. */
interface Patterns {
  /** By their first four bytes; the longest first. */
  readonly beginning: ReadonlyMap<number, readonly string[]>;
  /** Their first one, two and three bytes. */
  readonly shorter: ReadonlySet<string>;
}

/** Length of the longest pattern at this place; 0 where there is none. Unknown while one that begins here, or a longer one, may go on. */
function findAt(
  { beginning, shorter }: Patterns,
  text: string,
  { at, isEnd }: { readonly at: number; readonly isEnd: boolean },
): number | 'unknown yet' {
  const left = text.length - at;
  if (left < SHORTEST) return !isEnd && shorter.has(text.slice(at)) ? 'unknown yet' : 0;
  for (const pattern of beginning.get(firstBytes(text, at)) ?? []) {
    if (pattern.length <= left) {
      if (text.startsWith(pattern, at)) return pattern.length;
    } else if (!isEnd && pattern.startsWith(text.slice(at))) return 'unknown yet';
  }
  return 0;
}

function firstBytes(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

/** To find all spellings of a large file takes longer than to look for them, and each look at an app's output asks for the same ones. */
const remembered = new Map<string, Patterns>();
const REMEMBERED = 20;

function patternsOf(values: readonly string[]): Patterns {
  const key = values.join('\0');
  const patterns = remembered.get(key) ?? makePatterns(values);
  remembered.delete(key);
  remembered.set(key, patterns);
  const [oldest] = remembered.keys();
  if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  return patterns;
}

function makePatterns(values: readonly string[]): Patterns {
  const beginning = new Map<number, string[]>();
  const shorter = new Set<string>();
  const texts = new Set(values.flatMap(spellings).map((text) => Buffer.from(text).toString('latin1')));
  for (const text of [...texts].sort((a, b) => b.length - a.length)) {
    for (const length of [1, 2, 3]) shorter.add(text.slice(0, length));
    const first = firstBytes(text, 0);
    const others = beginning.get(first);
    if (others) others.push(text);
    else beginning.set(first, [text]);
  }
  return { beginning, shorter };
}

/** A whole text without the secrets. */
export function maskText(text: string, values: readonly string[]): string {
  const masker = createMasker(values);
  return Buffer.concat([masker.write(Buffer.from(text)), masker.end()]).toString();
}

/** Masks texts that have been cut: what may be the beginning of a secret at their end goes too, but for one of a few characters. */
export function cutTextMasker(values: readonly string[]): (text: string) => string {
  const masker = createMasker(values);
  return (text) => {
    const whole = masker.write(Buffer.from(text));
    const isBeginning = masker.held >= SHORTEST;
    const end = masker.end();
    return isBeginning ? `${whole}${MASK}` : Buffer.concat([whole, end]).toString();
  };
}

/** How a value may stand in what an app prints. */
function spellings(value: string): string[] {
  const lines = value.split(/\r?\n/);
  const parts = lines.length > 1 ? lines.map((line) => line.trim()).filter((line) => line.length >= SHORTEST_PART) : [];
  // A file's last line break is often not printed.
  return [value, value.trim(), ...parts].filter((text) => text.length >= SHORTEST).flatMap(encodings);
}

function encodings(value: string): string[] {
  // Without halves of surrogate pairs, which have no encoding.
  const text = Buffer.from(value).toString();
  const component = encodeURIComponent(text);
  // RFC 3986's reserved marks that encodeURIComponent leaves, and the slash that Python's quote() leaves.
  const strict = component.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ '': text }).toString().slice(1);
  const urls = [component, strict, form].flatMap((one) => [one, one.replaceAll('%2F', '/')]);
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    ...urls.flatMap((one) => [one, one.replaceAll('%20', '+')]).flatMap((one) => [one, lowerHex(one)]),
    ...base64s(text),
  ];
}

function lowerHex(url: string): string {
  return url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

/** Alone, and within a longer text ("user:secret"): there, its characters depend on where in a group of three bytes it begins. */
function base64s(text: string): string[] {
  const bytes = Buffer.from(text);
  const inner = [0, 1, 2]
    .map((before) => {
      const whole = Buffer.concat([Buffer.alloc(before), bytes]);
      // Only characters whose six bits are all the value's own.
      return whole.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((whole.length * 8) / 6));
    })
    .filter((part) => part.length >= SHORTEST_PART);
  const alone = bytes.toString('base64');
  return [alone, alone.replace(/=+$/, ''), ...inner].flatMap((one) => [
    one,
    one.replaceAll('+', '-').replaceAll('/', '_'),
  ]);
}
