import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Entry } from '../../src/store/store.ts';
import { Network } from '../support/network.ts';
import { seeded } from '../support/random.ts';
import { listeningLog, Remains } from '../support/remains.ts';
import { startServer } from '../support/server.ts';
import { clientOf, collect } from './support.ts';

/** A store that takes its time, so that there is always something not stored yet; it counts what it is given. */
class SlowStore extends MemoryStore {
  handed = 0;

  constructor() {
    super(Number.POSITIVE_INFINITY, 0);
  }

  override async write(entries: readonly Entry[]): Promise<void> {
    for (let i = 0; i < 5; i++) await turn();
    this.handed += entries.length;
    await super.write(entries);
  }
}

test('drivers whose connections are cut right after they sent, again and again, lose no fix, and none is there twice', async () => {
  const random = seeded('cut drivers');
  const { log, lines } = listeningLog();
  const store = new SlowStore();
  const server = await startServer({ store, log });
  const remains = await Remains.of(server);
  const network = await Network.to(server.port);
  const count = 20;
  const fixes = 60;
  const drivers = Array.from({ length: count }, (_, n) => {
    const nearcast = clientOf(network, { random: () => 0 });
    const track = nearcast.track({ driverId: `d${n}` });
    return { nearcast, track, verdicts: collect(track, 'verdict') };
  });
  let cuts = 0;
  const sendAll = (i: number) => {
    for (const [n, { track }] of drivers.entries()) {
      track.send({ latitude: i / 10, longitude: n / 10, timestamp: 1_000_000 + i });
    }
  };
  sendAll(0);
  await Promise.all(drivers.map(({ track }) => track.flush()));
  for (let i = 1; i < fixes; i++) {
    sendAll(i);
    for (let turns = random.below(6); turns > 0; turns--) await turn();
    if (network.size > 0 && random.below(4) === 0) {
      network.cut();
      cuts++;
    }
  }
  await Promise.all(drivers.map(({ track }) => track.flush()));
  expect(cuts).toBeGreaterThan(0);
  for (const { verdicts, track } of drivers) {
    expect(track.pending).toBe(0);
    expect(verdicts.length).toBe(fixes);
    expect(new Set(verdicts.map(({ fix }) => fix.timestamp)).size).toBe(fixes);
    expect(verdicts.filter(({ verdict }) => verdict === 'refused')).toEqual([]);
  }
  const stored = store
    .fixesOf('default')
    .map(({ driverId, timestamp, lat, lng }) => [driverId, timestamp, lat, lng].join());
  const sent = drivers.flatMap((_, n) =>
    Array.from({ length: fixes }, (_, i) => [`d${n}`, 1_000_000 + i, i / 10, n / 10].join()),
  );
  expect(stored.sort()).toEqual(sent.sort());
  // Some came twice, or the cuts were for nothing.
  const again = drivers.flatMap(({ verdicts }) => verdicts.filter(({ verdict }) => verdict !== 'accepted')).length;
  console.log(
    `${cuts} cuts, ${again} fixes that had been there before, ${store.handed} handed to the store of ${sent.length}`,
  );
  expect(again).toBeGreaterThan(0);
  for (const { nearcast } of drivers) nearcast.close();
  await remains.none();
  expect(lines).toEqual([]);
});
