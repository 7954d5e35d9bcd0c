/** Lines of a terminal's output as text: no colours, no carriage returns, no control characters, no empty lines at the end. */
export function plainLines(text: string): string[] {
  const lines = text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences (ECMA-48) are what is taken out
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g, '')
    .replace(/\r+/g, '\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
    .split(/\n+/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}
