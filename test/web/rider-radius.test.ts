import { afterAll, expect, test, vi } from 'vitest';
import type { Message } from '../support/client.ts';

/** The parts of a page are made for a browser: by a name that is not looked up, they are not checked as Node’s. */
const load = (path: string): Promise<Message> => import(/* @vite-ignore */ `../../src/web/${path}`);

vi.stubGlobal('document', { querySelector: () => null });
const { firstOf, firstRadius, radii, radiiUpTo, radiusName } = await load('rider/radius.ts');
afterAll(() => void vi.unstubAllGlobals());

test.each([
  [300, [300], 300],
  [500, [500], 500],
  [1500, [500, 1000, 1500], 1500],
  [2000, [500, 1000, 2000], 2000],
  [2500, [500, 1000, 2000, 2500], 2000],
  [15_000, [500, 1000, 2000, 5000, 10_000, 15_000], 2000],
  [100_000, [500, 1000, 2000, 5000, 10_000, 20_000], 2000],
])(
  'where a server answers %i m at most, that is the largest to choose, and the first is one of them',
  (most, all, first) => {
    expect([radiiUpTo(most), firstOf(radiiUpTo(most))]).toEqual([all, first]);
  },
);

test('a page of no server has those of the largest that is of use', () => {
  expect([radii, firstRadius]).toEqual([radiiUpTo(100_000), 2000]);
});

test.each([
  [300, '300 m'],
  [333.33, '333 m'],
  [999.6, '1 km'],
  [1000, '1 km'],
  [1234, '1.234 km'],
  [1500, '1.5 km'],
  [20_000, '20 km'],
])('a radius of %d m is called %s', (radius, name) => {
  expect(radiusName(radius)).toBe(name);
});
