/** Escape sequences of terminals: OSC (titles, links), CSI (colours, cursor), and two-character ones. ECMA-48 §5, §8.3. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const TERMINAL = /\x1b\][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;
/** Control characters but tab and line feed, and the invisible ones (bidi controls turn the meaning of a line around). */
const INVISIBLE = /(?![\t\n])\p{Cc}|\p{Cf}/gu;
/** Half of a surrogate pair would make the note invalid UTF-8. */
const LONE_SURROGATE = /\p{Cs}/gu;

/** More is never shown; a stack of megabytes must not cost its length. */
const MAX_INPUT = 50_000;

/** Lines of text from outside, with nothing in them that is not seen. */
export function cleanLines(text: string): string[] {
  return text
    .slice(0, MAX_INPUT)
    .replace(TERMINAL, '')
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(INVISIBLE, '')
    .replace(LONE_SURROGATE, '\uFFFD')
    .split('\n')
    .map((line) => line.trimEnd());
}

/** Text from outside as one line, at most `maxLength` characters long. */
export function cleanLine(text: string, maxLength: number): string {
  return clamp(cleanLines(text).join(' ').replace(/\s+/gu, ' ').trim(), maxLength);
}

/** Cut after so many characters (not UTF-16 units), with a mark that it was cut. */
export function clamp(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const characters = [...text.slice(0, maxLength * 2)];
  return text.length <= maxLength * 2 && characters.length <= maxLength
    ? text
    : `${characters.slice(0, maxLength - 1).join('')}…`;
}
