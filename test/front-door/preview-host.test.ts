import { describe, expect, it } from 'vitest';
import { parsePreviewHost } from '../../src/front-door/preview-host.ts';

const target = (host: string | undefined, domain = 'previews.test', publicHostname = 'previews.test') => {
  const parsed = parsePreviewHost(host, domain, { publicHostname });
  return parsed.kind === 'preview' ? parsed.label : parsed.kind;
};

describe('a Host header', () => {
  it.each([
    ['mr-1-app-k7c2hq9x.previews.test', 'mr-1-app-k7c2hq9x'],
    ['mr-1.previews.test:8080', 'mr-1'],
    ['mr-1.previews.test:', 'mr-1'],
    ['MR-1.Previews.TEST', 'mr-1'],
    ['mr-1.previews.test.', 'mr-1'],
    ['mr-1.previews.test.:443', 'mr-1'],
    ['a.b.previews.test', 'nowhere'],
    ['.previews.test', 'nowhere'],
    ['-a.previews.test', 'nowhere'],
    ['a_b.previews.test', 'nowhere'],
    ['user@mr-1.previews.test', 'nowhere'],
    [`${'a'.repeat(63)}.previews.test`, 'a'.repeat(63)],
    [`${'a'.repeat(64)}.previews.test`, 'nowhere'],
    ['previews.test', 'service'],
    ['previews.test.:8080', 'service'],
    ['evilpreviews.test', 'service'],
    ['mr-1.previews.test.evil.test', 'service'],
    ['127.0.0.1:8080', 'service'],
    ['[::1]:8080', 'service'],
    ['', 'service'],
    [undefined, 'service'],
  ])('%s leads to %s', (host, expected) => {
    expect(target(host)).toBe(expected);
  });

  it('of the service itself is never a preview, also where the service lives under the preview domain', () => {
    expect(target('deploy.example.test', 'example.test', 'deploy.example.test')).toBe('service');
    expect(target('mr-1.example.test', 'example.test', 'deploy.example.test')).toBe('mr-1');
    expect(target('mr-1.localhost:8080', 'localhost', 'localhost')).toBe('mr-1');
    expect(target('localhost:8080', 'localhost', 'localhost')).toBe('service');
  });
});
