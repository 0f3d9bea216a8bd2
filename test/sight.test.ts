import { expect, test } from 'vitest';
import { Circle } from '../src/geo/circle.ts';
import { isSameSight, type Sight, told } from '../src/sight.ts';

test('two sights are the same where nothing that they show differs', () => {
  const sight: Sight = { fleet: 'f', bounds: new Circle(1, 2, 3), precision: 8, driverId: 'd' };
  expect(isSameSight(sight, { ...sight, bounds: new Circle(1, 2, 3) })).toBe(true);
  const others: readonly Partial<Sight>[] = [
    { fleet: 'g' },
    { precision: 9 },
    { precision: undefined },
    { driverId: 'e' },
    { driverId: undefined },
    { bounds: new Circle(1.5, 2, 3) },
    { bounds: new Circle(1, 2.5, 3) },
    { bounds: new Circle(1, 2, 3.5) },
    { bounds: undefined },
  ];
  for (const other of others) {
    expect(isSameSight(sight, { ...sight, ...other })).toBe(false);
    expect(isSameSight({ ...sight, ...other }, sight)).toBe(false);
  }
});

test('of a driver that somebody may not see nothing is told', () => {
  const position = { driverId: 'd', lat: 1, lng: 2, timestamp: 3, receivedAt: 4 };
  expect(told(position, { fleet: 'f', driverId: 'd' })).toEqual(position);
  expect(told(position, { fleet: 'f', driverId: 'e' })).toBeUndefined();
  expect(told(position, { fleet: 'f', driverId: 'e', precision: 3 })).toBeUndefined();
});
