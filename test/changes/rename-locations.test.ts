import { describe, expect, it } from 'vitest';
import { nameInBranch, underNamesOfBranch } from '../../src/changes/rename-locations.ts';

describe('locations of a base', () => {
  const base = new Map([
    ['prod_etl', 1],
    ['constructor', 2],
  ]);

  it('have the names that the branch has for them, and their own where nobody said so', () => {
    expect(underNamesOfBranch(base, { prod_etl: 'etl', gone: 'constructor' })).toEqual({
      locations: new Map([
        ['etl', 1],
        ['constructor', 2],
      ]),
    });
    expect(underNamesOfBranch(base, undefined)).toEqual({ locations: base });
    expect(nameInBranch('constructor', {})).toBe('constructor');
  });

  it('cannot both have one name', () => {
    expect(underNamesOfBranch(base, { prod_etl: 'constructor' })).toEqual({ twice: 'constructor' });
  });
});
