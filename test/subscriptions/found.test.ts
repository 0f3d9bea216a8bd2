import { expect, test } from 'vitest';
import { HIGH_WATER } from '../../src/subscriptions/outbox.ts';
import type { PlainArea } from './areas.ts';
import { type Pace, Peer } from './peer.ts';
import { World } from './world.ts';

// What the fuzz of invariant.test.ts found, each as short as it could be made. Peers throw at whatever is not true.

function setUp({ polls = false } = {}) {
  const world = new World(['f']);
  const [fleet] = world.fleets;
  const join = () => {
    const peer = new Peer(world, polls);
    world.peers.add(peer);
    return peer;
  };
  const fix = (driverId: string, lat: number) => world.accept(fleet, { driverId, lat, lng: 0 });
  const endTurn = () => world.clock.endTurn();
  /** What a client that was there knows, and another goes on from. */
  const past = (area: PlainArea, pace: Pace, meanwhile: () => void = () => {}, maxAge?: number) => {
    const peer = join();
    peer.subscribe('s', fleet, { area, maxAge }, pace);
    endTurn();
    meanwhile();
    endTurn();
    peer.readSome(10);
    const mark = peer.read.get('s');
    peer.close();
    world.peers.delete(peer);
    if (mark === undefined) throw new Error('nothing was read');
    return mark;
  };
  return { world, fleet, join, fix, endTurn, past };
}

const KILOMETRE: PlainArea = { kind: 'circle', lat: 0, lng: 0, radius: 1_000 };
const AROUND: PlainArea = { kind: 'around', driverId: 'a', radius: 1_000 };

test('an update that goes on around the same driver tells nothing of it that is no news [11.6]', () => {
  const { world, fleet, join, fix, endTurn } = setUp();
  fix('a', 0);
  const peer = join();
  peer.subscribe('s', fleet, { area: AROUND }, {});
  endTurn();
  peer.update('s', { area: { ...AROUND, radius: 500 } }, {});
  endTurn();
  expect(peer.last).not.toHaveProperty('followed');
  world.goOffDuty(fleet, 'a');
  endTurn();
  expect(peer.last).toMatchObject({ followed: 'offline' });
  // It was heard of before, so it is not unknown.
  peer.update('s', { area: AROUND }, {});
  endTurn();
  expect(peer.last).not.toHaveProperty('followed');
  world.settle();
});

test.each([3, 6, 7, 300])(
  'changes keep their pace also at %d messages a second, of which none takes whole milliseconds [11.4]',
  (maxRate) => {
    const { world, fleet, join, fix, endTurn } = setUp();
    const peer = join();
    peer.subscribe('s', fleet, { area: KILOMETRE }, { maxRate });
    endTurn();
    const since = world.clock.now;
    let messages = 0;
    for (let i = 0; i < 1_000; i++) {
      fix('a', i / 1e6);
      const { last } = peer;
      world.pass(1);
      if (peer.last !== last) messages++;
    }
    expect(world.clock.now - since).toBe(1_000);
    // The clock has whole milliseconds.
    expect(messages).toBe(Math.floor(1_000 / Math.ceil(1_000 / maxRate)));
  },
);

test('who was too old when a client left, and is no more as the clock was set back, is told anew [12.2]', () => {
  const { world, fleet, join, fix, endTurn, past } = setUp();
  fix('a', 0);
  const meanwhile = () => {
    world.pass(5_001);
    world.expire();
  };
  const mark = past(KILOMETRE, {}, meanwhile, 5);
  expect(mark.belief.drivers.size).toBe(0);
  world.setBack(2_000);
  const peer = join();
  peer.subscribe('s', fleet, { area: KILOMETRE, maxAge: 5 }, {}, mark.cursor, mark);
  endTurn();
  expect(peer.last).toMatchObject({ resumed: true, drivers: [{ driverId: 'a' }], unchanged: [] });
});

test.each(['comes', 'goes'])(
  'a poll is answered at once where the driver that it follows %s between two, with nobody inside [12.2]',
  (how) => {
    const { world, fleet, join, fix, endTurn } = setUp({ polls: true });
    // Kept out by the filter, so that who is inside stays the same.
    const question = { area: AROUND, where: { status: 'free' } };
    if (how === 'goes') fix('a', 0);
    const first = join();
    first.subscribe('s', fleet, question, {});
    endTurn();
    first.readSome(1);
    first.close();
    if (how === 'goes') world.goOffDuty(fleet, 'a');
    else fix('a', 0);
    const mark = first.read.get('s');
    const second = join();
    second.subscribe('s', fleet, question, {}, mark?.cursor, mark);
    endTurn();
    expect(second.last).toMatchObject({ resumed: true, followed: how === 'goes' ? 'unknown' : 'here' });
  },
);

test('a poll waits although the clock was set back, as it is known who was inside [15.2]', () => {
  const { world, fleet, join, fix, endTurn } = setUp({ polls: true });
  const question = { area: KILOMETRE, maxAge: 5 };
  fix('a', 0);
  world.pass(6_000);
  world.expire();
  world.setBack(5_000);
  const first = join();
  first.subscribe('s', fleet, question, {});
  endTurn();
  expect(first.last).toMatchObject({ drivers: [{ driverId: 'a' }] });
  first.readSome(1);
  const mark = first.read.get('s');
  const second = join();
  second.subscribe('s', fleet, question, {}, mark?.cursor, mark);
  endTurn();
  expect(second.last).toBeUndefined();
});

test('a lower minDisplacement also tells of those who were unchanged when the client came back [11.5]', () => {
  const { fleet, join, fix, endTurn, past } = setUp();
  fix('a', 0);
  const minDisplacement = 100;
  // 55 m, which is not told with what is.
  const meanwhile = () => {
    fix('a', 0.0005);
    fix('b', 0);
  };
  const mark = past(KILOMETRE, { minDisplacement }, meanwhile);
  const peer = join();
  peer.subscribe('s', fleet, { area: KILOMETRE }, { minDisplacement }, mark.cursor, mark);
  endTurn();
  expect(peer.last).toMatchObject({ resumed: true, drivers: [], unchanged: ['a', 'b'] });
  peer.update('s', { area: KILOMETRE }, { minDisplacement: 10 });
  endTurn();
  expect(peer.last).toMatchObject({ move: [{ driverId: 'a', latitude: 0.0005 }, { driverId: 'b' }] });
});

test('what was not worth a message does not hold up the next', () => {
  const { world, fleet, join, fix, endTurn } = setUp();
  fix('a', 0);
  const peer = join();
  peer.subscribe('s', fleet, { area: KILOMETRE }, { maxRate: 1, minDisplacement: 50 });
  endTurn();
  // 111 m to and fro.
  fix('a', 0.001);
  fix('a', 0);
  world.pass(1_000);
  expect(peer.last).toMatchObject({ type: 'snapshot' });
  fix('a', 0.001);
  endTurn();
  expect(peer.last).toMatchObject({ move: [{ driverId: 'a' }] });
});

test('the answer to an update waits behind a snapshot that fills what may be unsent [13.1]', () => {
  const { fleet, join, fix, endTurn } = setUp();
  for (let i = 0; i < 2 + HIGH_WATER / 100; i++) fix(`driver ${i}`, 0);
  const peer = join();
  peer.stall(1);
  peer.subscribe('s', fleet, { area: KILOMETRE }, {});
  peer.update('s', { area: KILOMETRE }, {});
  endTurn();
  expect(peer.last).toMatchObject({ type: 'snapshot' });
  peer.relieve();
  endTurn();
  expect(peer.last).toMatchObject({ type: 'changes' });
});
