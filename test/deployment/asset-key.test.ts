import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assetKeyOf, partsOfKey } from '../../src/deployment/asset-key.ts';

it.each([
  [['raw', 'orders'], 'raw/orders'],
  [['raw/orders'], String.raw`raw\/orders`],
  [['raw\\', 'orders'], String.raw`raw\\/orders`],
  [['orders'], 'orders'],
])('the key %j is %s', (parts, text) => {
  expect(assetKeyOf(parts)).toBe(text);
});

it('no two keys have one text', () => {
  const part = fc.array(fc.constantFrom('a', '/', '\\', 'b')).map((letters) => letters.join(''));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1 }), (parts) => {
      expect(partsOfKey(assetKeyOf(parts))).toEqual(parts);
    }),
  );
});
