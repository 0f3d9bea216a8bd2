import { latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { splitCell } from '../../src/spatial/cell.ts';
import { cover } from '../../src/spatial/cover.ts';
import { Subscription } from '../../src/subscriptions/subscription.ts';
import { WatchTree } from '../../src/subscriptions/watch-tree.ts';
import { seeded } from '../support/random.ts';

test('a look-up visits each subscription that holds the place once, and nodes that nobody watches are given back', () => {
  const random = seeded('watch tree');
  const tree = new WatchTree();
  const watched = Array.from({ length: 300 }, (_, i) => {
    const circle = new Circle(30 + random.normal(), -97 + random.normal(), 10 ** random.between(0, 6));
    const subject = { epoch: '', revision: 0, drivers: new Map(), isIn: () => false, at: () => undefined as never };
    const subscription = new Subscription(`s${i}`, subject, { wake() {} }, { area: circle }, circle);
    return { subscription, circle, cells: cover(circle, 48, 10) };
  });
  for (const { subscription, cells } of watched) tree.add(subscription, cells);
  const peak = tree.nodes;
  const halves = new Uint32Array(2);
  const visited = (lat: number, lng: number) => {
    const found: string[] = [];
    splitCell(latLngToCell(lat, lng, 15), halves);
    tree.visit(halves[0], halves[1], ({ id }) => found.push(id));
    expect(new Set(found).size).toBe(found.length);
    return found;
  };
  for (const { subscription, circle } of watched) {
    expect(visited(circle.lat, circle.lng)).toContain(subscription.id);
  }
  for (const { subscription, circle, cells } of watched) {
    tree.remove(subscription, cells);
    expect(visited(circle.lat, circle.lng)).not.toContain(subscription.id);
  }
  expect(peak).toBeGreaterThan(300);
  expect(tree.nodes).toBe(0);
});
