import { expect, it } from 'vitest';
import { parseCommand } from '../../src/deployment/commands.ts';

it.each([
  ['/deploy', { command: 'deploy', argument: '' }],
  ['Thanks!\n/undeploy', { command: 'undeploy', argument: '' }],
  ['/deploy  1a2b3c4d \r\nplease', { command: 'deploy', argument: '1a2b3c4d' }],
  ['```\n/undeploy\n```\n/deploy', { command: 'deploy', argument: '' }],
  ['/sleep', { command: 'sleep', argument: '' }],
])('%j holds a command', (body, command) => {
  expect(parseCommand(body)).toEqual(command);
});

it.each([
  'deploy',
  'Shall we /deploy?',
  '> /deploy',
  '`/deploy`',
  '/deployed',
  ' /deploy',
  '```\n/deploy\n```',
  '```sh\n/deploy',
  '~~~\n```\n/deploy\n~~~',
  '````\n```\n/deploy\n````',
])('%j holds none', (body) => {
  expect(parseCommand(body)).toBeUndefined();
});
