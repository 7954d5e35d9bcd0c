import { Lexer, type Token } from 'marked';

/** Names after `@` that GitLab would take for a mention: outside of code, comments and escapes. */
export function findMentions(body: string): string[] {
  const names = new Set<string>();
  const scan = (text: string) => {
    const plain = text.replace(/&(#64|#x40|commat);/gi, '@');
    for (const match of plain.matchAll(/(?<![\p{L}\p{N}_`/.@-])@([\p{L}\p{N}_][\p{L}\p{N}_./-]*)/gu))
      names.add((match[1] ?? '').replace(/[./-]+$/, ''));
  };
  const visit = (tokens: readonly Token[]) => {
    let previous = '';
    for (const token of tokens) {
      if (token.type === 'code' || token.type === 'codespan' || token.type === 'escape') {
        previous = token.raw;
        continue;
      }
      if (token.type === 'html') scan(token.raw.replace(/<!--[\s\S]*?-->|<(code|pre)\b[\s\S]*?<\/\1>/gi, ''));
      else if (token.type === 'table') for (const cell of [...token.header, ...token.rows.flat()]) visit(cell.tokens);
      else if (token.type === 'list') visit(token.items);
      else if ('tokens' in token && token.tokens) visit(token.tokens);
      // A letter before the token makes `name@host` of it.
      else if (token.type === 'text') scan(/[\p{L}\p{N}_]$/u.test(previous) ? token.raw.replace(/^@/, '') : token.raw);
      previous = token.raw;
    }
  };
  visit(new Lexer({ gfm: true }).lex(body));
  return [...names];
}
