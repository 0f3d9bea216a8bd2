import { afterEach, describe, expect, test } from 'vitest';
import { distance } from '../../src/geo/distance.ts';
import { City, MANHATTAN } from '../../src/sim/city.ts';
import { Fleet, type FleetSettings, type SentFix } from '../../src/sim/fleet.ts';
import { Traffic } from '../../src/sim/traffic.ts';
import { FakeServer, type FakeSettings } from './fake-server.ts';

let server: FakeServer | undefined;
let fleet: Fleet | undefined;

afterEach(async () => {
  await fleet?.stop();
  await server?.close();
});

async function start(
  { drivers = 20, ...settings }: Partial<FleetSettings> & { drivers?: number },
  fake: FakeSettings = {},
): Promise<{ fleet: Fleet; server: FakeServer }> {
  server = await FakeServer.start(fake);
  fleet = new Fleet({
    url: server.url,
    traffic: new Traffic({ streets: new City(MANHATTAN), drivers, seed: 1 }),
    interval: 0.1,
    token: (subject, scope) => `${subject} ${scope}`,
    minPause: 5,
    ...settings,
  });
  await fleet.start();
  return { fleet, server };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a fleet', () => {
  test('sends each driver’s fixes over its own connection with its own token, evenly spread', async () => {
    const sent: SentFix[] = [];
    const { fleet, server } = await start({ onSent: (fix) => sent.push(fix) });
    await until(() => server.received.length >= 100);
    expect(server.connections).toBe(20);
    expect(new Set(server.tokens).size).toBe(20);
    expect(server.tokens).toContain('Bearer driver-07 positions:write');
    expect(fleet.counts).toMatchObject({ errors: 0, reconnects: 0, failed: 0, skipped: 0 });
    expect(fleet.connected).toBe(20);
    // One driver after the other; after a stall of the machine the turns that were missed are left out.
    const turns = sent.map(({ driverId }) => Number(driverId.slice(-2)));
    expect(new Set(turns).size).toBe(20);
    const inTurn = turns.filter((turn, n) => n > 0 && turn === (turns[n - 1] + 1) % 20).length;
    expect(inTurn / turns.length).toBeGreaterThan(0.8);
    expect(server.received[0]).toMatchObject({
      driverId: 'driver-00',
      accuracy: 5,
      attributes: { seats: expect.any(Number) },
    });
    expect(server.received[0]).not.toHaveProperty('id');
  });

  test('moves each driver as fast as it says, by the timestamps it sends', async () => {
    const sent: SentFix[] = [];
    await start({ onSent: (fix) => sent.push(fix) });
    await until(() => sent.length >= 200);
    const tracks = Map.groupBy(sent, (fix) => fix.driverId);
    for (const track of tracks.values()) {
      for (let n = 1; n < track.length; n++) {
        const [a, b] = [track[n - 1], track[n]];
        const seconds = (b.timestamp - a.timestamp) / 1000;
        expect(seconds).toBeGreaterThan(0);
        // Timestamps are whole milliseconds, and places a centimetre.
        expect(distance(a.lat, a.lng, b.lat, b.lng)).toBeLessThan(14 * (seconds + 0.002) + 0.03);
      }
    }
  });

  test('goes over a few gateway connections when asked to', async () => {
    const { server } = await start({ gateways: 3 });
    await until(() => server.received.length >= 40);
    expect(server.tokens.sort()).toEqual([0, 1, 2].map((n) => `Bearer gateway-${n} positions:write:any`));
    expect(new Set(server.received.map((fix) => fix.driverId)).size).toBe(20);
  });

  test('goes on from where its traffic is, however long ago that began', async () => {
    const streets = new City(MANHATTAN);
    const [here, there] = [1, 1].map((seed) => new Traffic({ streets, drivers: 20, seed }));
    const sent: SentFix[] = [];
    const began = Date.now() - 600_000;
    for (const traffic of [here, there]) {
      for (let time = 1; time <= 600; time++) {
        traffic.advance(time);
        for (let n = 0; n < 20; n++) traffic.move(n, time);
      }
    }
    await start({ traffic: here, began, onSent: (fix) => sent.push(fix) });
    await until(() => sent.length >= 40);
    for (const { driverId, lat, lng, timestamp } of sent) {
      const before = there.read(Number(driverId.slice(-2)));
      const seconds = (timestamp - began) / 1000 - 600;
      expect(distance(before.lat, before.lng, lat, lng)).toBeLessThan(14 * (seconds + 0.01) + 0.03);
    }
  });

  test('sends nothing of those who are silent or off duty, and tells of the latter once', async () => {
    const traffic = new Traffic({ streets: new City(MANHATTAN), drivers: 40, seed: 1, silent: 0.3, offDuty: 0.3 });
    for (let time = 10; time <= 3600; time += 10) for (let n = 0; n < 40; n++) traffic.move(n, time);
    const away = Array.from({ length: 40 }, (_, n) => traffic.move(n, 3600));
    const told: string[] = [];
    const { server } = await start({ traffic, onOffDuty: (driverId) => told.push(driverId) });
    await until(() => server.received.length >= 100);
    const heard = new Set(server.received.map(({ driverId }) => driverId));
    const id = (n: number) => `driver-${String(n).padStart(2, '0')}`;
    expect([...heard].sort()).toEqual(away.flatMap((presence, n) => (presence === 'on duty' ? [id(n)] : [])));
    expect(told.sort()).toEqual(away.flatMap((presence, n) => (presence === 'off duty' ? [id(n)] : [])));
    expect(new Set(away).size).toBe(3);
  });

  test('connects again after a loss, and goes on', async () => {
    const { fleet, server } = await start({ drivers: 5 }, { drop: (received) => received === 10 });
    await until(() => fleet.counts.reconnects === 1);
    expect(fleet.losses).toBe(1);
    const before = server.received.length;
    await until(() => server.received.length >= before + 10);
    expect(fleet.connected).toBe(5);
  });

  test('gives up a connection that the server wants no more', async () => {
    const { fleet, server } = await start({ drivers: 3 }, { closeCode: 4401 });
    await until(() => fleet.counts.failed === 3);
    expect(server.connections).toBe(3);
    expect(fleet.lastError).toContain('4401');
    expect(fleet.counts.errors).toBe(3);
  });

  test('measures acknowledgements of a sample, and settles when the last fixes are acknowledged', async () => {
    const waits: number[] = [];
    const { fleet, server } = await start({ ackEvery: 7, onAck: (milliseconds) => waits.push(milliseconds) });
    await until(() => waits.length >= 5);
    const last = new Map<string, number>();
    await fleet.settle();
    for (const fix of server.received) last.set(String(fix.driverId), Number(fix.timestamp));
    expect(last.size).toBe(20);
    expect(waits.every((wait) => wait >= 0 && wait < 5000)).toBe(true);
    expect(fleet.counts.acknowledged).toBeGreaterThanOrEqual(25);
  });
});
