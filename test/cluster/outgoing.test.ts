import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Bus } from '../../src/bus/bus.ts';
import { readFrame } from '../../src/bus/frame.ts';
import { FleetLeases } from '../../src/cluster/fleet-leases.ts';
import { nameOf } from '../../src/cluster/lease-cells.ts';
import { Outgoing } from '../../src/cluster/outgoing.ts';
import { ClusterStats } from '../../src/cluster/stats.ts';

const PUBLISHER = '00000000000000aa';
const CELL = 1234;
const OTHER = 1235;

/** What a reader makes of one message. */
interface Read {
  readonly channel: string;
  readonly seq: number;
  readonly records: readonly (readonly unknown[])[];
}

/** Keeps what is published, as others read it. */
class Wire {
  isUp = true;
  readonly sent: Read[] = [];

  publish(channel: string, data: Buffer): void {
    const records: unknown[][] = [];
    let seq = Number.NaN;
    readFrame(data, {
      begin: (publisher, count) => {
        expect(publisher).toBe(PUBLISHER);
        seq = count;
        return true;
      },
      position: ({ driverId }) => records.push(['position', driverId]),
      adopted: ({ driverId }, before) => records.push(['adopted', driverId, before]),
      heard: (driverId) => records.push(['heard', driverId]),
      removed: (driverId, at) => records.push(['removed', driverId, at]),
      beat: (cell, count) => records.push(['beat', cell, count]),
      lost: () => records.push(['lost']),
    });
    this.sent.push({ channel, seq, records });
  }
}

function scene() {
  const wire = new Wire();
  let now = 1_000_000;
  const outgoing = new Outgoing(
    wire as unknown as Bus,
    PUBLISHER,
    () => now,
    new ClusterStats(),
    () => {},
  );
  const leases = new FleetLeases('f', 'p/f', now);
  return { wire, outgoing, leases, pass: (milliseconds: number) => (now += milliseconds) };
}

const POSITION = { driverId: 'd', lat: 1, lng: 2, timestamp: 3, receivedAt: 4 };
const cellChannel = (cell: number) => `p/f/${nameOf(cell)}`;

test('what is told in a turn leaves at its end, as one message for each channel, counted one by one', async () => {
  const { wire, outgoing, leases } = scene();
  outgoing.position(leases, CELL, POSITION);
  outgoing.heard(leases, CELL, 'e');
  outgoing.removed(leases, 'g', 6);
  expect(wire.sent).toEqual([]);
  await turn();
  const records = [
    ['position', 'd'],
    ['heard', 'e'],
  ];
  expect(wire.sent).toEqual([
    { channel: cellChannel(CELL), seq: 1, records },
    { channel: 'p/f', seq: 1, records: [['removed', 'g', 6]] },
  ]);
  outgoing.position(leases, CELL, POSITION);
  await turn();
  expect(wire.sent.at(-1)).toMatchObject({ channel: cellChannel(CELL), seq: 2 });
});

test('a beat tells how far the cells have counted that were used since the last, and others can read it', async () => {
  const { wire, outgoing, leases } = scene();
  outgoing.position(leases, CELL, POSITION);
  outgoing.position(leases, OTHER, POSITION);
  outgoing.adopted(leases, POSITION, -1);
  await turn();
  wire.sent.length = 0;
  outgoing.beat();
  const records = [
    ['beat', CELL, 1],
    ['beat', OTHER, 1],
  ];
  expect(wire.sent).toEqual([{ channel: 'p/f', seq: 2, records }]);
  wire.sent.length = 0;
  outgoing.beat();
  expect(wire.sent).toEqual([]);
});

test('after something on the fleet’s channel alone a message follows that shows how far that has counted', async () => {
  const { wire, outgoing, leases } = scene();
  outgoing.removed(leases, 'd', 5);
  await turn();
  outgoing.beat();
  expect(wire.sent.map(({ channel, seq }) => [channel, seq])).toEqual([
    ['p/f', 1],
    ['p/f', 2],
  ]);
  expect(wire.sent[1].records).toEqual([]);
  outgoing.beat();
  expect(wire.sent).toHaveLength(2);
});

test('what could not be sent is owned up to on each channel as soon as something can be sent', async () => {
  const { wire, outgoing, leases } = scene();
  outgoing.position(leases, CELL, POSITION);
  await turn();
  wire.sent.length = 0;
  wire.isUp = false;
  outgoing.position(leases, CELL, POSITION);
  outgoing.removed(leases, 'd', 1);
  outgoing.mend();
  outgoing.beat();
  await turn();
  expect(wire.sent).toEqual([]);
  wire.isUp = true;
  outgoing.mend();
  await turn();
  const told = wire.sent.map(({ channel, records }) => [channel, records]);
  expect(told).toEqual([
    [cellChannel(CELL), [['lost']]],
    ['p/f', [['lost']]],
  ]);
  outgoing.mend();
  await turn();
  expect(wire.sent).toHaveLength(2);
  // The bus may be up, and what was published before be lost nevertheless.
  outgoing.unsent([cellChannel(CELL), 'somebody else’s']);
  outgoing.mend();
  await turn();
  expect(wire.sent.slice(2)).toMatchObject([{ channel: cellChannel(CELL), records: [['lost']] }]);
});

test('a channel that is forgotten while idle counts on, and never a number that it had', async () => {
  const { wire, outgoing, leases, pass } = scene();
  for (let i = 0; i < 5; i++) {
    outgoing.position(leases, CELL, POSITION);
    await turn();
  }
  outgoing.beat();
  pass(11 * 60_000);
  outgoing.beat();
  wire.sent.length = 0;
  outgoing.position(leases, CELL, POSITION);
  await turn();
  expect(wire.sent[0].seq).toBeGreaterThan(5);
});

test('a turn in which very much is told sends several messages, and once closed nothing more is told', async () => {
  const { wire, outgoing, leases } = scene();
  const attributes = { text: 'x'.repeat(4_000) };
  for (let i = 0; i < 100; i++) outgoing.position(leases, CELL, { ...POSITION, driverId: `d${i}`, attributes });
  outgoing.close();
  expect(wire.sent.length).toBeGreaterThan(1);
  expect(wire.sent.map(({ seq }) => seq)).toEqual(wire.sent.map((_, i) => i + 1));
  const told = wire.sent.flatMap(({ records }) => records.map(([, driverId]) => driverId));
  expect(told).toEqual(Array.from({ length: 100 }, (_, i) => `d${i}`));
  outgoing.position(leases, CELL, POSITION);
  await turn();
  outgoing.close();
  expect(wire.sent.flatMap(({ records }) => records)).toHaveLength(100);
});
