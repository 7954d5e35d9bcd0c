import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deploymentName,
  deploymentSlug,
  instanceName,
  isAllowedProject,
  previewUrl,
  randomPart,
  slugify,
} from '../../src/deployment/naming.ts';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const random = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(randomPart);

describe('names', () => {
  it('of deployments are one DNS label, with room for the instance', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_999_999 }),
        fc.string({ unit: 'grapheme', maxLength: 120 }),
        random,
        (iid, app, part) => {
          const name = deploymentName(iid, app, part);

          expect(name).toMatch(DNS_LABEL);
          expect(instanceName(name, 9_999_99)).toMatch(DNS_LABEL);
          expect(name.startsWith(`mr-${iid}-`)).toBe(true);
          expect(name.endsWith(part)).toBe(true);
        },
      ),
    );
  });

  it('for schemas begin with a letter, hold 40 characters at most, and differ as the names do', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999_999 }), fc.string({ maxLength: 80 }), random, (iid, app, part) => {
        const slug = deploymentSlug(deploymentName(iid, app, part));

        expect(slug).toMatch(/^[a-z][a-z0-9_]{0,39}$/);
        expect(slug.endsWith(`_${part}`)).toBe(true);
      }),
    );
  });

  it('show which merge request and which app they belong to', () => {
    expect(deploymentName(7, 'Orders & Co', 'bcdfghjk')).toBe('mr-7-orders-co-bcdfghjk');
    expect(deploymentName(7, '日本', 'bcdfghjk')).toBe('mr-7-bcdfghjk');
    expect(deploymentSlug('mr-7-orders-co-bcdfghjk')).toBe('mr_7_orders_co_bcdfghjk');
    expect(slugify('Crème brûlée')).toBe('creme-brulee');
  });

  it('have eight random characters without vowels', () => {
    fc.assert(
      fc.property(random, (part) => {
        expect(part).toMatch(/^[b-df-hj-np-tv-z2-9]{8}$/);
      }),
    );
  });

  it('answer at the scheme and the port of the public URL', () => {
    expect(
      previewUrl('mr-7-x', { publicUrl: new URL('https://previews.example.com'), previewDomain: 'p.example.com' }),
    ).toBe('https://mr-7-x.p.example.com');
    expect(previewUrl('mr-7-x', { publicUrl: new URL('http://localhost:8080/'), previewDomain: 'localhost' })).toBe(
      'http://mr-7-x.localhost:8080',
    );
  });
});

describe('BD_ALLOWED_PROJECTS', () => {
  it.each([
    ['42', true],
    ['43', false],
    ['data/shop/web', true],
    ['Data/Shop/Web', true],
    ['data/shop', false],
    ['data/*', false],
    ['data/shop/*', true],
    ['data/**', true],
    ['dat/**', false],
    ['data/shop/we', false],
  ])('%s covers project 42 at data/shop/web: %s', (pattern, allowed) => {
    expect(isAllowedProject([pattern], { id: 42, path: 'data/shop/web' })).toBe(allowed);
  });
});
