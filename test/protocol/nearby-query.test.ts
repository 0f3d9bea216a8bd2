import { expect, test } from 'vitest';
import { nearbyQuerySchema, readNearbyQuery } from '../../src/protocol/nearby-query.ts';
import { seeded } from '../support/random.ts';

const MAX_RADIUS = 100_000;

test('a query read by hand is what the schema makes of it, and one that the schema refuses is left to it', () => {
  const random = seeded('nearby query');
  const schema = nearbyQuerySchema(MAX_RADIUS);
  const values = [
    '0',
    '-0',
    '1',
    '12.5',
    '-90',
    '90',
    '90.0001',
    '180',
    '-180',
    '181',
    '1e3',
    '1e999',
    '+5',
    '.5',
    '5.',
  ];
  const odd = [
    '',
    ' ',
    'x',
    '0x10',
    'NaN',
    'Infinity',
    '1_000',
    '1,5',
    '1 ',
    '１',
    '1e-400',
    '100000',
    '100000.1',
    '1.5',
  ];
  const value = () => random.pick<unknown>([...values, ...values, ...odd, ['1', '2'], undefined]);
  const names = [
    'latitude',
    'longitude',
    'radius',
    'limit',
    'maxAge',
    'attributes.status',
    'access_token',
    'other',
    'where',
    'bbox',
  ];
  let read = 0;
  for (let i = 0; i < 50_000; i++) {
    const query: Record<string, unknown> = { latitude: random.pick(values), longitude: random.pick(values) };
    for (let n = random.below(5); n > 0; n--) query[random.pick(names)] = value();
    const byHand = readNearbyQuery(query, MAX_RADIUS);
    const bySchema = schema.safeParse(query);
    expect(byHand !== undefined, JSON.stringify(query)).toBe(bySchema.success);
    if (byHand === undefined || !bySchema.success) continue;
    read++;
    // What the route looks at: the fields of the contract and filters.
    const { access_token: _, other: __, ...known } = bySchema.data;
    expect(strip(byHand), JSON.stringify(query)).toEqual(strip(known));
  }
  expect(read).toBeGreaterThan(5_000);
});

function strip(query: object): object {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}
