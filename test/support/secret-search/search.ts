import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MARK } from './output.ts';

export interface Secret {
  readonly name: string;
  readonly value: string;
}

export interface Leak {
  /** Name of the secret; never its value. */
  readonly secret: string;
  /** Test file and kind of output. */
  readonly where: string;
  /** The line around it, with the secret blacked out. */
  readonly line: string;
}

/** So many characters in a row are taken for the secret: what is cut short for a log or a note counts too. */
const PIECE = 16;
const SHOWN = 300;
const TOKEN_CHARACTERS = /[\w+/=%.~-]{16,}/g;

/**
 * Searches text for secrets, as they are, URL-encoded and in base64 of either alphabet at any place. Text is gone through once, however
 * many secrets there are: each of its pieces of 16 characters is looked up.
 */
export function findLeaks(text: string, secrets: Iterable<Secret>): Leak[] {
  const pieces = new Map<string, string>();
  for (const { name, value } of secrets)
    for (const form of formsOf(value)) for (const piece of piecesOf(form)) pieces.set(piece, name);
  const secretIn = (run: string): string | undefined => {
    for (let at = 0; at + PIECE <= run.length; at += 1) {
      const secret = pieces.get(run.slice(at, at + PIECE));
      if (secret !== undefined) return secret;
    }
    return undefined;
  };
  const leaks = new Map<string, Leak>();
  for (const match of text.matchAll(TOKEN_CHARACTERS)) {
    const secret = secretIn(match[0]);
    if (secret === undefined) continue;
    const { where, line } = placeOf(text, match.index);
    // A mark tells what was asked, which is not the service's output.
    if (line.startsWith(MARK)) continue;
    const shown = line.replace(TOKEN_CHARACTERS, (run) => (secretIn(run) === undefined ? run : '█████'));
    leaks.set(`${secret} ${where}`, { secret, where, line: shown.slice(0, SHOWN) });
  }
  return [...leaks.values()];
}

/** Searches everything that the processes of a test run have kept in a folder. */
export function searchFolder(folder: string): { readonly secrets: number; readonly bytes: number; leaks: Leak[] } {
  const read = (prefix: string) =>
    readdirSync(folder)
      .filter((name) => name.startsWith(prefix))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
  const secrets = new Map<string, Secret>();
  for (const line of read('secrets-').join('').split('\n')) {
    if (line === '') continue;
    const secret = JSON.parse(line) as Secret;
    secrets.set(secret.value, secret);
  }
  const texts = read('output-');
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  return { secrets: secrets.size, bytes, leaks: texts.flatMap((text) => findLeaks(text, secrets.values())) };
}

function formsOf(value: string): string[] {
  const forms = [value, encodeURIComponent(value)];
  // What stands before a value moves it within the groups of three bytes that base64 is made of.
  for (const shift of [0, 1, 2]) {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    // The first group holds what stands before.
    const from = shift === 0 ? 0 : 4;
    forms.push(whole.toString('base64').slice(from), whole.toString('base64url').slice(from));
  }
  return forms;
}

/** The beginning, the middle and the end. */
function piecesOf(form: string): string[] {
  if (form.length < PIECE) return [];
  const last = form.length - PIECE;
  return [0, Math.floor(last / 2), last].map((at) => form.slice(at, at + PIECE));
}

/** The line around an index, and what the mark before it says of its origin. */
function placeOf(text: string, at: number): { readonly where: string; readonly line: string } {
  const mark = text.lastIndexOf(`\n${MARK}`, at);
  const where = mark < 0 ? 'unknown' : text.slice(mark + 1 + MARK.length, text.indexOf('\n', mark + 1));
  const end = text.indexOf('\n', at);
  return { where, line: text.slice(text.lastIndexOf('\n', at) + 1, end < 0 ? undefined : end) };
}
