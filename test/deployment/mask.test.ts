import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMasker, MASK, maskText } from '../../src/deployment/mask.ts';

const secret = "p@ss w/rd'+é&x?~~1";

function maskChunks(chunks: readonly Uint8Array[], values: readonly string[]): string {
  const masker = createMasker(values);
  return Buffer.concat([...chunks.map((chunk) => masker.write(chunk)), masker.end()]).toString();
}

describe('a masked text', () => {
  it.each([
    ['as it is', secret],
    ['in URL encoding', encodeURIComponent(secret)],
    ['in URL encoding with small letters', encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase())],
    ['as a form field', encodeURIComponent(secret).replaceAll('%20', '+')],
    ['as of URLSearchParams', new URLSearchParams({ a: secret }).toString().slice(2)],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in URL-safe base64', Buffer.from(secret).toString('base64url')],
  ])('shows no secret %s', (_, shown) => {
    expect(maskText(`before ${shown} after`, [secret])).toMatch(/^before \[MASKED\]=* after$/);
  });

  it('shows no secret within JSON', () => {
    const value = 'one"two\\three';

    expect(maskText(JSON.stringify({ value }), [value])).toBe(`{"value":"${MASK}"}`);
  });

  it('shows no middle of base64, wherever in the longer text the secret stands', () => {
    for (const before of ['', 'u', 'u:', 'us:', 'user:']) {
      const encoded = Buffer.from(`${before}correct-horse-battery after`).toString('base64');
      const masked = maskText(encoded, ['correct-horse-battery']);

      expect(masked).toContain(MASK);
      // At either end, one character holds bits of a neighbour too.
      expect(Buffer.from(masked.replace(MASK, ''), 'base64').toString('latin1')).not.toMatch(/corr|horse|tery/);
    }
  });

  it('shows no line of a key, also where it is printed alone', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEFAASC\n-----END KEY-----\n';

    expect(maskText(key, [key])).toBe(MASK);
    expect(maskText('  kqhkiG9w0BAQEFAASC,', [key])).toBe(`  ${MASK},`);
    expect(maskText(key.trim(), [key])).toBe(MASK);
  });

  it('is left alone where values are too short, empty or absent', () => {
    expect(maskText('dev 1 all', ['dev', '1', ''])).toBe('dev 1 all');
    expect(maskText('dev 1 all', [])).toBe('dev 1 all');
  });

  it('takes the longer of two secrets that begin alike, and what is special in a pattern as text', () => {
    expect(maskText('token-1234 token', ['token', 'token-1234'])).toBe(`${MASK} ${MASK}`);
    expect(maskText('a.*b( axxb(', ['a.*b('])).toBe(`${MASK} axxb(`);
  });
});

describe('a masked stream', () => {
  it('is the same however it is cut into chunks', () => {
    const values = ['abab-abé', 'abab', 'ab-abé-zz', secret];
    const piece = fc.constantFrom('ab', 'a', '-', 'é', '-zz', ' ', '\n', ...values);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(60), { maxLength: 12 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
        const chunks = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
        const masked = maskChunks(chunks, values);

        expect(masked).toBe(maskText(bytes.toString(), values));
        for (const value of values) expect(masked).not.toContain(value);
      }),
    );
  });

  it('shows no secret that comes byte by byte', () => {
    const bytes = [...Buffer.from(`it is ${secret}.\n`)].map((byte) => Uint8Array.of(byte));

    expect(maskChunks(bytes, [secret])).toBe(`it is ${MASK}.\n`);
  });

  it('tells how many bytes wait, with which whoever resumes it begins', () => {
    const bytes = Buffer.from(`it is ${secret}.\n`);
    const first = createMasker([secret]);
    const before = first.write(bytes.subarray(0, 12));
    expect([before.toString(), first.held]).toEqual(['it is ', 6]);
    const next = createMasker([secret]);
    expect(`${next.write(bytes.subarray(12 - first.held))}`).toBe(`${MASK}.\n`);
    expect(next.held).toBe(0);
  });

  it('goes on at once where nothing of a secret has begun', () => {
    expect(createMasker([secret]).write(Buffer.from('listening on 8080\n')).toString()).toBe('listening on 8080\n');
  });
});
