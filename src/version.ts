import { readFileSync } from 'node:fs';
import { SHIPPED } from './shipped-files.ts';

/** Version of the service, as package.json has it. */
export const VERSION: string = (JSON.parse(readFileSync(SHIPPED.package, 'utf8')) as { version: string }).version;
