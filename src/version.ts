import { readFileSync } from 'node:fs';

/** Version of the service, as package.json has it; that file lies beside `src` and beside `dist`. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
