import { expect, test } from 'vitest';
import type { Attributes, Position } from '../../src/client/index.ts';
import { Facets } from '../../src/web/dashboard/facets.ts';

const MINUTE = 60_000;

const having = (attributes: Attributes): Position => ({
  driverId: 'd',
  latitude: 0,
  longitude: 0,
  timestamp: 0,
  receivedAt: 0,
  attributes,
});

/** So many drivers, of whom every other one is busy. */
const fleet = (count: number): Position[] =>
  Array.from({ length: count }, (_, i) => having({ status: ['available', 'busy'][i % 2], plate: `p${i}` }));

const shown = ({ facets }: Facets) => facets.value.map(({ name, values }) => [name, values.map(({ value }) => value)]);

test('attributes are offered with how many have which value, but for those that differ for everybody', () => {
  const facets = new Facets();
  facets.count(fleet(20), {}, 0);
  expect(facets.facets.value).toEqual([
    {
      name: 'status',
      values: [
        { value: 'available', count: 10 },
        { value: 'busy', count: 10 },
      ],
    },
  ]);
});

test('of an attribute with many values the twelve that most drivers have are offered', () => {
  const facets = new Facets();
  const models = Array.from({ length: 30 }, (_, i) => Array.from({ length: i + 1 }, () => having({ model: `m${i}` })));
  facets.count(models.flat(), {}, 0);
  const [[, values]] = shown(facets);
  expect(values).toEqual(models.slice(18).map((_, i) => `m${i + 18}`));
});

test('what one driver makes up takes nothing from the others', () => {
  const facets = new Facets();
  const junk = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`junk${i}`, 'x']));
  facets.count([having(junk)], {}, 0);
  facets.count([having(junk), ...fleet(20)], {}, 1_000);
  expect(shown(facets)).toContainEqual(['status', ['available', 'busy']]);
  expect(facets.colouredBy.value).toBe('status');
  for (let i = 0; i < 100; i++) facets.count([having({ status: `s${i}` }), ...fleet(20)], {}, 2_000 + i);
  const status = facets.facets.value.find(({ name }) => name === 'status');
  expect(status?.values.slice(0, 2)).toEqual([
    { value: 'available', count: 10 },
    { value: 'busy', count: 10 },
  ]);
  facets.count(fleet(20), {}, 3_000 + MINUTE);
  expect(shown(facets)).toEqual([['status', ['available', 'busy']]]);
});

test('what nobody has any more stays for a minute, and as long as a filter or counts hide who may have it', () => {
  const facets = new Facets();
  facets.count(fleet(2), {}, 0);
  facets.count(fleet(1), { status: ['available'] }, 30_000);
  facets.count(fleet(1), { status: ['available'] }, 10 * MINUTE);
  expect(shown(facets)).toContainEqual(['status', ['available', 'busy']]);
  facets.count([], {}, 20 * MINUTE);
  facets.count(fleet(1), {}, 20 * MINUTE);
  expect(shown(facets)).toContainEqual(['status', ['available', 'busy']]);
  facets.count(fleet(1), {}, 21 * MINUTE + 1);
  expect(shown(facets)).toContainEqual(['status', ['available']]);
});

test('a filter that nobody meets is offered while it is set, and no longer', () => {
  const facets = new Facets();
  facets.count(fleet(2), { foo: ['bar'] }, 0);
  expect(facets.facets.value).toContainEqual({ name: 'foo', values: [{ value: 'bar', count: 0 }] });
  facets.count(fleet(2), {}, 1_000);
  expect(shown(facets).map(([name]) => name)).not.toContain('foo');
});

test('a value keeps its colour while others come and go after it', () => {
  const facets = new Facets();
  const zones = (...names: string[]) => names.map((zone) => having({ zone }));
  facets.count(zones('a', 'b'), {}, 0);
  const before = ['a', 'b'].map((value) => facets.colourIndex(value));
  facets.count(zones('a', 'b', 'c', 'd'), {}, 1_000);
  facets.count(zones('a', 'b', 'e'), {}, 2_000 + MINUTE);
  expect(['a', 'b'].map((value) => facets.colourIndex(value))).toEqual(before);
  expect(new Set(before).size).toBe(2);
});
