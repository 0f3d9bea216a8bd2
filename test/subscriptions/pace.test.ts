import { expect, test } from 'vitest';
import type { PlainArea } from './areas.ts';
import { Peer } from './peer.ts';
import { World } from './world.ts';

const AREA: PlainArea = { kind: 'circle', lat: 0, lng: 0, radius: 10_000 };
/** Degrees of latitude, about 55 m and 1,100 m. */
const NEAR = 0.0005;
const FAR = 0.01;

function setUp() {
  const world = new World(['f']);
  const [fleet] = world.fleets;
  const peer = new Peer(world, false);
  world.peers.add(peer);
  const fix = (driverId: string, lat: number) => world.accept(fleet, { driverId, lat, lng: 0 });
  const endTurn = () => world.clock.endTurn();
  return { world, fleet, peer, fix, endTurn };
}

test('a driver that went away and came back while it waited is not told of when it is where it was told to be [11.5]', () => {
  const { fleet, peer, fix, endTurn } = setUp();
  fix('a', 0);
  peer.subscribe('s', fleet, { area: AREA }, { minDisplacement: 500 });
  endTurn();
  const { last } = peer;
  fix('a', FAR);
  fix('a', NEAR);
  endTurn();
  expect(peer.last).toBe(last);
});

test('nor is one that left and came back while it waited: to the client it never left; once that was told it enters anew [11.5]', () => {
  const { fleet, peer, fix, endTurn } = setUp();
  fix('a', 0);
  peer.subscribe('s', fleet, { area: AREA }, { minDisplacement: 500 });
  endTurn();
  const { last } = peer;
  fix('a', 1);
  fix('a', NEAR);
  endTurn();
  expect(peer.last).toBe(last);
  fix('a', 1);
  endTurn();
  fix('a', NEAR);
  endTurn();
  expect(peer.last).toMatchObject({ type: 'changes', enter: [{ driverId: 'a', latitude: NEAR }] });
});

test('a clock that is set back holds nothing back for longer than the time between two [11.4]', () => {
  const { world, fleet, peer, fix, endTurn } = setUp();
  peer.subscribe('s', fleet, { area: AREA }, { maxRate: 1 });
  endTurn();
  world.setBack(3_600_000);
  fix('a', 0);
  endTurn();
  world.pass(1_000);
  expect(peer.last).toMatchObject({ type: 'changes', enter: [{ driverId: 'a' }] });
});

test('of the subscriptions of a connection the quick one does not wait for the slow ones [11.4]', () => {
  const { world, fleet, peer, fix, endTurn } = setUp();
  // Whichever is told of a change first, a slow one goes before the quick one.
  peer.subscribe('s1', fleet, { area: AREA }, { maxRate: 0.1 });
  peer.subscribe('s2', fleet, { area: AREA }, { maxRate: 10 });
  peer.subscribe('s3', fleet, { area: AREA }, { maxRate: 0.1 });
  endTurn();
  fix('a', 0);
  world.pass(100);
  expect(peer.last).toMatchObject({ type: 'changes', subscription: 's2' });
  world.pass(9_899);
  expect(peer.last).toMatchObject({ subscription: 's2' });
  world.pass(1);
  expect(['s1', 's3']).toContain(peer.last?.subscription);
});
