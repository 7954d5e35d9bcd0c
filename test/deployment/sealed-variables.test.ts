import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openVariables, SealError, sealingKeys, sealVariables } from '../../src/deployment/sealed-variables.ts';

const deployment = 'mr-7-shop-bcdfghjk';
const oldSecret = randomBytes(32).toString('base64');
const newSecret = randomBytes(32).toString('base64');
const oldKeys = sealingKeys([oldSecret]);
const variables = [
  { name: 'WAREHOUSE_PASSWORD', value: 'hunter2-é-\n"', file: false },
  { name: 'SERVICE_ACCOUNT', value: '{"key": 1}\n', file: true },
];

function faultOf(act: () => unknown): SealError {
  try {
    act();
  } catch (error) {
    if (error instanceof SealError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('sealed variables', () => {
  it('open for their deployment, whatever they are, and show nothing', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 50 });
    const any = fc.array(fc.record({ name: text, value: text, file: fc.boolean() }), { maxLength: 5 });
    fc.assert(
      fc.property(any, (some) => {
        const sealed = sealVariables(some, { keys: oldKeys, deployment });

        expect(openVariables(sealed, { keys: oldKeys, deployment })).toEqual(some);
      }),
    );
    const sealed = sealVariables(variables, { keys: oldKeys, deployment });

    expect(Buffer.from(sealed.split('.')[2] as string, 'base64url').toString('latin1')).not.toMatch(
      /WAREHOUSE|hunter2/,
    );
    expect(sealVariables(variables, { keys: oldKeys, deployment })).not.toBe(sealed);
  });

  it('open with an old key of the list, and are sealed with the first', () => {
    const rotating = sealingKeys([newSecret, oldSecret]);
    const before = sealVariables(variables, { keys: oldKeys, deployment });
    const after = sealVariables(variables, { keys: rotating, deployment });

    expect(openVariables(before, { keys: rotating, deployment })).toEqual(variables);
    expect(openVariables(after, { keys: sealingKeys([newSecret]), deployment })).toEqual(variables);
    expect(faultOf(() => openVariables(after, { keys: oldKeys, deployment })).reason).toBe('unknown-key');
  });

  it('that no key of the list opens say what to change, and not the key', () => {
    const sealed = sealVariables(variables, { keys: oldKeys, deployment });
    const fault = faultOf(() => openVariables(sealed, { keys: sealingKeys([newSecret]), deployment }));

    expect(fault.reason).toBe('unknown-key');
    expect(fault.message).toContain(`(id ${oldKeys[0]?.id})`);
    expect(fault.message).toContain('BD_SECRET_KEY=<new>,<old>');
    expect(fault.message).not.toContain(oldSecret);
    expect(fault.message).not.toContain(newSecret);
  });

  it('need a key, for sealing and opening', () => {
    const sealed = sealVariables(variables, { keys: oldKeys, deployment });
    const faults = [
      faultOf(() => sealVariables(variables, { keys: [], deployment })),
      faultOf(() => openVariables(sealed, { keys: [], deployment })),
    ];

    expect(faults.map(({ reason }) => reason)).toEqual(['no-key', 'no-key']);
    expect(faults[0]?.message).toContain('openssl rand -base64 32');
  });

  it('do not open for another deployment, nor after any one character was changed', () => {
    const sealed = sealVariables(variables, { keys: oldKeys, deployment });

    expect(faultOf(() => openVariables(sealed, { keys: oldKeys, deployment: 'mr-8-shop-bcdfghjk' })).reason).toBe(
      'damaged',
    );
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
      const { reason, message } = faultOf(() => openVariables(changed, { keys: oldKeys, deployment }));

      expect(['damaged', 'unknown-key']).toContain(reason);
      expect(message).not.toMatch(/hunter2|Unsupported/);
    }
    for (const text of ['', 'v1', 'v1.x', 'v1.x.', sealed.slice(0, -5), `${sealed}.x`, `${sealed}!`])
      expect(faultOf(() => openVariables(text, { keys: oldKeys, deployment })).reason).toBe('damaged');
  });
});
