import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names the folder that the test run collects in; unset outside of it (demo, benchmarks), where nothing is collected. */
export const FOLDER_VARIABLE = 'BD_TEST_OUTPUT';

/** Begins the line that says where the text below it comes from. */
export const MARK = '▶ ';

/** What one process has to tell is written together: a system call for each line of a log would cost more than the rest. */
const WRITE_AT = 256 * 1024;
let waiting: string[] = [];
let waitingLength = 0;
let source = `process ${process.pid}`;
process.on('exit', writeOutput);

/** Says which test file the output belongs to from now on. */
export function beginOutput(testFile: string): void {
  writeOutput();
  source = testFile;
}

/** Keeps what the service, or something that it runs, has let out: a log line, an answer, a job's trace. */
export function recordOutput(kind: string, text: string): void {
  if (process.env[FOLDER_VARIABLE] === undefined || text === '') return;
  waiting.push(`\n${MARK}${source}, ${kind}\n${text}`);
  waitingLength += text.length;
  if (waitingLength > WRITE_AT) writeOutput();
}

/** Hands over what was kept, at the latest when a test file ends. */
export function writeOutput(): void {
  const folder = process.env[FOLDER_VARIABLE];
  if (folder === undefined || waiting.length === 0) return;
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `output-${process.pid}`), waiting.join(''));
  waiting = [];
  waitingLength = 0;
}

/** Makes a value known as a secret: the run fails where any output holds it. */
export function knowSecret(name: string, value: string): void {
  const folder = process.env[FOLDER_VARIABLE];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  const line = `${JSON.stringify({ name, value })}\n`;
  const file = join(folder, `secrets-${process.pid}`);
  appendFileSync(file, line);
}

/** An empty folder's file, so that a search of nothing is told apart from one that found nothing. */
export function openOutputFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'output-begin'), '');
}
