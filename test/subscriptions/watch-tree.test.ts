import { cellToParent, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { cellName, splitCell } from '../../src/spatial/cell.ts';
import { cover } from '../../src/spatial/cover.ts';
import { Subscription } from '../../src/subscriptions/subscription.ts';
import { WatchTree } from '../../src/subscriptions/watch-tree.ts';
import { seeded } from '../support/random.ts';

test('a look-up visits just those whose cover has a cell of the place, whoever came and went; empty nodes are given back', () => {
  const random = seeded('watch tree');
  const tree = new WatchTree();
  const subject = {
    epoch: '',
    revision: 0,
    drivers: new Map(),
    isIn: () => false,
    at: () => undefined as never,
    lookAt() {},
  };
  const watch = (i: number) => {
    const circle = new Circle(30 + random.normal(), -97 + random.normal(), 10 ** random.between(0, 6));
    const subscription = new Subscription(`s${i}`, subject, { wake() {} }, { area: circle });
    const cells = cover(circle, 48, 10);
    const registration = tree.add(subscription, cells);
    const inside = new Map(cells.high.map((high, n) => [cellName(high, cells.low[n]), cells.inside[n]]));
    return { subscription, circle, inside, registration };
  };
  const halves = new Uint32Array(2);
  let watched = Array.from({ length: 300 }, (_, i) => watch(i));
  const check = (lat: number, lng: number) => {
    const cell = latLngToCell(lat, lng, 15);
    const path = Array.from({ length: 16 }, (_, resolution) => cellToParent(cell, resolution));
    const expected = new Map<string, boolean | undefined>();
    for (const { subscription, inside } of watched) {
      for (const ancestor of path) if (inside.has(ancestor)) expected.set(subscription.id, inside.get(ancestor));
    }
    const found: [string, boolean][] = [];
    splitCell(cell, halves);
    tree.visit(halves[0], halves[1], ({ id }, inside) => found.push([id, inside]));
    expect(found.length).toBe(expected.size);
    expect(new Map(found)).toEqual(expected);
  };
  const checkAll = () => {
    for (const { circle } of watched) check(circle.lat, circle.lng);
    for (let i = 0; i < 100; i++) check(30 + random.normal(), -97 + random.normal());
  };

  checkAll();
  const peak = tree.nodes;
  for (let wave = 0; wave < 3; wave++) {
    const gone = watched.filter(() => random.next() < 0.5);
    for (const { registration } of gone) tree.remove(registration);
    watched = watched.filter((one) => !gone.includes(one));
    checkAll();
    watched.push(...gone.map((_, i) => watch(1000 * (wave + 1) + i)));
    checkAll();
  }
  for (const { registration } of watched) tree.remove(registration);
  watched = [];
  check(30, -97);
  expect(peak).toBeGreaterThan(300);
  expect(tree.nodes).toBe(0);
});
