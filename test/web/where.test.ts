import { expect, test } from 'vitest';
import { chosenOf, Facets } from '../../src/web/dashboard/facets.ts';
import { formatWhere, parseWhere, toggled } from '../../src/web/dashboard/where.ts';

/** Names that every object seems to have. */
const INHERITED = ['constructor', 'toString', '__proto__', 'hasOwnProperty'];

test.each(INHERITED)('an attribute named %s is one like any other', (name) => {
  expect(chosenOf({}, name)).toEqual([]);
  const where = toggled({}, name, 'x');
  expect(chosenOf(where, name)).toEqual(['x']);
  expect(formatWhere(where)).toBe(`${name}:x`);
  expect(chosenOf(parseWhere(formatWhere(where)), name)).toEqual(['x']);
  expect(Object.keys(toggled(where, name, 'x'))).toEqual([]);
  const facets = new Facets();
  facets.count([], where);
  expect(facets.facets.value).toEqual([{ name, values: [{ value: 'x', count: 0 }] }]);
});

test('what links say badly is left out, and what they say oddly is kept', () => {
  expect(parseWhere('status;;a:b')).toEqual({ a: ['b'] });
  expect(parseWhere('a%3Bb:%2C,%ff')).toEqual({ 'a;b': [',', '%ff'] });
  expect(parseWhere(undefined)).toEqual({});
  expect(parseWhere(formatWhere({ 'a;b:c': ['d,e', ''] }))).toEqual({ 'a;b:c': ['d,e', ''] });
});
