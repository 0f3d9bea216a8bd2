import { describe, expect, test } from 'vitest';
import type { PlainArea } from './areas.ts';
import { type Mark, Peer } from './peer.ts';
import { World } from './world.ts';

describe('a cursor', () => {
  const AREA: PlainArea = { kind: 'circle', lat: 0, lng: 0, radius: 10_000 };
  /** Seconds. */
  const MAX_AGE = 5;
  const question = { area: AREA, maxAge: MAX_AGE };

  function setUp() {
    const world = new World(['f']);
    const [fleet] = world.fleets;
    const join = () => {
      const peer = new Peer(world, false);
      world.peers.add(peer);
      return peer;
    };
    const fix = (driverId: string, timestamp: number) => world.accept(fleet, { driverId, lat: 0, lng: 0, timestamp });
    const goOnFrom = (mark: Mark) => {
      const peer = join();
      peer.subscribe('s', fleet, question, {}, mark.cursor, mark);
      world.clock.endTurn();
      return peer.last;
    };
    return { world, fleet, join, fix, goOnFrom };
  }

  test('of a moment that is yet to come gives a full snapshot [12.4]', () => {
    const { world, fleet, join, fix } = setUp();
    fix('a', world.clock.now);
    const peer = join();
    peer.subscribe('s', fleet, question, {});
    world.clock.endTurn();
    const cursor = String(peer.last?.cursor).replace(/\.\w+~/, '.zzz~');
    expect(cursor).not.toBe(peer.last?.cursor);
    peer.subscribe('s', fleet, question, {}, cursor);
    world.clock.endTurn();
    expect(peer.last).toMatchObject({ resumed: false, drivers: [{ driverId: 'a' }] });
  });

  test('tells of one who was too old by a clock that was set back since, where only a fix was told by that clock [12.2]', () => {
    const { world, fleet, join, fix, goOnFrom } = setUp();
    const peer = join();
    peer.subscribe('s', fleet, question, {});
    world.clock.endTurn();
    world.clock.pass(10_000);
    fix('a', world.clock.now - 1000 * MAX_AGE - 500);
    // By this message the client knows of nobody.
    fix('b', world.clock.now);
    world.setBack(1_000);
    world.clock.endTurn();
    peer.readSome(10);
    const mark = peer.read.get('s') as Mark;
    expect([...mark.belief.drivers.keys()]).toEqual(['b']);
    expect(goOnFrom(mark)).toMatchObject({ resumed: true, drivers: [{ driverId: 'a' }], unchanged: ['b'] });
  });

  test.each([20, 21])('does so where only a question was answered by that clock (limit %i) [12.3]', (limit) => {
    const { world, fleet, fix, goOnFrom } = setUp();
    fix('a', world.clock.now);
    world.clock.pass(1000 * MAX_AGE + 500);
    const mark = world.ask(fleet, question, limit) as Mark;
    expect(mark.belief.drivers.size).toBe(0);
    world.setBack(1_000);
    expect(goOnFrom(mark)).toMatchObject({ resumed: true, drivers: [{ driverId: 'a' }] });
  });
});
