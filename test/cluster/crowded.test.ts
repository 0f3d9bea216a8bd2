import { expect, test } from 'vitest';
import { nameOf } from '../../src/cluster/lease-cells.ts';
import { Circle } from '../../src/geo/circle.ts';
import { turns } from '../support/pressure.ts';
import { type Random, seeded } from '../support/random.ts';
import { join, type Member } from './member.ts';

/** Cells that questions may lease anew in a second. */
const WARMED = 500;
/** Cells that are read by one statement, and statements at a time. */
const MAX_CELLS = 64;
const MAX_LOADS = 2;
const HERE = new Circle(30, 10, 1_000);
const OTHERS = { fleet: 'others' };
const VICTIM = { fleet: 'victim' };

/** Asks once somewhere on earth. */
async function askAround({ reads }: Member, random: Random): Promise<void> {
  await reads.nearby(OTHERS, new Circle(random.between(-60, 60), random.between(-180, 180), 100_000), 1);
}

function leased({ cluster }: Member): number {
  return cluster.leases.of(OTHERS.fleet).leases.size;
}

test('who asks all over the world is answered, and has no more than so many cells leased in a second', async () => {
  const random = seeded('asks all over the world');
  const member = join();
  for (let i = 0; i < 100; i++) await askAround(member, random);
  expect(leased(member)).toBe(WARMED);
  member.clock.pass(1_000);
  await askAround(member, random);
  expect(leased(member)).toBeGreaterThan(WARMED);
});

test('who waits for a cell waits on while others ask about thousands', async () => {
  const random = seeded('waits on');
  const member = join();
  const { cells, cluster, clock } = member;
  cells.isHeld = true;
  let outcome = 'waits';
  const ready = cluster.ready(VICTIM, HERE) as Promise<unknown>;
  ready.then(
    () => (outcome = 'ready'),
    () => (outcome = 'sent away'),
  );
  await turns(1);
  for (let second = 0; second < 6; second++) {
    clock.pass(1_000);
    for (let i = 0; i < 50; i++) await askAround(member, random);
  }
  expect(leased(member)).toBeGreaterThan(2_000);
  clock.pass(1_000);
  await turns(1);
  expect(leased(member)).toBeLessThanOrEqual(2_000);
  expect(outcome).toBe('waits');
  cells.release();
  await ready;
  expect(outcome).toBe('ready');
});

test('a fleet does not wait behind all the cells that another one has to be read', async () => {
  const { cells, cluster } = join();
  cells.isHeld = true;
  const theirs = cluster.ready(OTHERS, new Circle(30, 10, 420_000));
  await turns(5);
  const ready = cluster.ready(VICTIM, HERE);
  await turns(5);
  cells.release();
  await Promise.all([theirs, ready]);
  const order = cells.read.map(({ fleet }) => fleet);
  expect(cells.read.every(({ cells: count }) => count <= MAX_CELLS)).toBe(true);
  expect(order.length).toBeGreaterThan(MAX_LOADS + 3);
  expect(order.indexOf(VICTIM.fleet)).toBeLessThanOrEqual(MAX_LOADS + 1);
});

test('a cell that is given up before its channel was open is not heard of for ever', async () => {
  const { bus, cluster } = join();
  const leases = cluster.leases.of('f');
  await turns(2);
  const lease = cluster.leases.take(leases, 1234);
  cluster.leases.drop(leases, lease);
  await turns(3);
  expect(bus.hears(`n/f/${nameOf(1234)}`)).toBe(false);
  // Taken again at once it stays.
  cluster.leases.drop(leases, cluster.leases.take(leases, 1234));
  cluster.leases.take(leases, 1234);
  await turns(3);
  expect(bus.hears(`n/f/${nameOf(1234)}`)).toBe(true);
});
