import { expect, test } from 'vitest';
import { isTooDeep, MANY, MAX_DEPTH } from '../../src/protocol/nesting.ts';
import { type Random, seeded } from '../support/random.ts';

/** How deep a value is, as it was parsed. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Text with all that could be taken for a bracket or for the end of a string. */
const text = (random: Random) =>
  Array.from({ length: random.below(8) }, () =>
    random.pick(['[', '{', ']', '}', '"', '\\', '\\\\"', 'é', '\u2028', 'a']),
  ).join('');

function made(random: Random, depth: number): unknown {
  if (depth === 0) return random.pick([1, -1.5e300, null, true, text(random)]);
  const beside = Array.from({ length: random.below(3) }, () => made(random, random.below(Math.min(depth, 3))));
  const all = [...beside, made(random, depth - 1)];
  if (random.next() < 0.5) return all;
  return Object.fromEntries(all.map((value, i) => [`${i}${text(random)}`, value]));
}

test('a text is too deep when what it parses to is', () => {
  const random = seeded('nesting');
  let deep = 0;
  for (let i = 0; i < 300; i++) {
    const value = made(random, random.below(2 * MAX_DEPTH));
    // Beside it so many more that it is looked at.
    const json = JSON.stringify([value, Array(MANY).fill({})], null, random.below(3));
    expect(isTooDeep(json), json).toBe(depthOf(value) >= MAX_DEPTH);
    if (depthOf(value) >= MAX_DEPTH) deep++;
  }
  expect(deep).toBeGreaterThan(50);
});

test('many brackets side by side, or in a text, are not deep', () => {
  expect(isTooDeep(JSON.stringify(Array(MANY).fill({ a: [{}] })))).toBe(false);
  expect(isTooDeep(JSON.stringify({ a: '['.repeat(MANY + 1) }))).toBe(false);
  expect(isTooDeep(`"\\"${'['.repeat(MANY + 1)}"`)).toBe(false);
  expect(isTooDeep(`"\\\\"${'['.repeat(MANY + 1)}`)).toBe(true);
});

test('a few are not looked at, however deep they lie, and a thousand fixes with attributes are few', () => {
  expect(isTooDeep('['.repeat(MANY))).toBe(false);
  expect(isTooDeep('['.repeat(MANY + 1))).toBe(true);
  const fixes = Array(1_000).fill({ driverId: 'd', latitude: 1, longitude: 2, attributes: { a: 1 } });
  expect(JSON.stringify({ positions: fixes }).split(/[[{]/).length - 1).toBeLessThan(MANY);
});

test('what is no JSON is looked at no longer than what is', () => {
  const MIB = 2 ** 20;
  for (const part of ['"', '\\"', '\\', '"\\', '"\\\\', '{"', '[]', '[', ']']) {
    const nonsense = `${'[]'.repeat(MANY + 1)}${part.repeat(MIB / part.length)}`;
    const start = performance.now();
    isTooDeep(nonsense);
    // Some 5 ms; what takes time by the square of the length would take minutes.
    expect(performance.now() - start, part).toBeLessThan(500);
  }
});
