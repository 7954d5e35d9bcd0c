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
  const patterns = [...new Set(values.flatMap(spellings))]
    .map((text) => Buffer.from(text).toString('latin1'))
    .sort((a, b) => b.length - a.length);
  const longest = patterns[0]?.length ?? 0;
  // The longest first: of alternatives at one place the first wins.
  const any = new RegExp(patterns.map(literal).join('|'), 'g');
  // Latin 1: one character for each byte, so that a character split between chunks does no harm.
  let kept = '';

  const mayBegin = (text: string, from: number): number => {
    for (let at = Math.max(from, text.length - longest + 1); at < text.length; at += 1) {
      const rest = text.slice(at);
      if (patterns.some((pattern) => pattern.length > rest.length && pattern.startsWith(rest))) return at;
    }
    return text.length;
  };
  const mask = (text: string, isEnd: boolean): Buffer => {
    let out = '';
    let at = 0;
    for (;;) {
      const hold = isEnd ? text.length : mayBegin(text, at);
      any.lastIndex = at;
      const match = any.exec(text);
      // One that begins where another may begin waits: the other may be longer.
      if (!match || match.index >= hold) {
        kept = text.slice(hold);
        return Buffer.from(out + text.slice(at, hold), 'latin1');
      }
      out += text.slice(at, match.index) + MASK;
      at = match.index + match[0].length;
    }
  };
  if (longest === 0) return { write: (chunk) => Buffer.from(chunk), end: () => Buffer.alloc(0), held: 0 };
  return {
    write: (chunk) => mask(kept + Buffer.from(chunk).toString('latin1'), false),
    end: () => mask(kept, true),
    get held() {
      return kept.length;
    },
  };
}

/** A whole text without the secrets. */
export function maskText(text: string, values: readonly string[]): string {
  const masker = createMasker(values);
  return Buffer.concat([masker.write(Buffer.from(text)), masker.end()]).toString();
}

/** A pattern that matches just this Latin 1 text. */
function literal(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
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
