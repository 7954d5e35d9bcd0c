import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { WHAT_HAPPENS } from '../src/deployment/what-happens.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** Rows of the table that follows a line, as pairs of cells. */
function tableAfter(line: string): string[][] {
  const lines = README.slice(README.indexOf(line)).split('\n');
  const first = lines.findIndex((row) => row.startsWith('|'));
  const rows = lines.slice(
    first,
    lines.findIndex((row, index) => index > first && !row.startsWith('|')),
  );
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

it('the README tells what happens when, as the code does', () => {
  expect(README).toContain('\n### What happens when\n');
  expect(tableAfter('### What happens when')).toEqual(Object.entries(WHAT_HAPPENS));
});
