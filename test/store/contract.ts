import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Store, type StoredPosition, StoreRejected } from '../../src/store/store.ts';
import { row, T0 } from './rows.ts';

export interface ContractSubject {
  readonly store: Store;
  /** Empties the store. */
  clear(): Promise<void>;
  /** What the store holds, by way of anything but the store. */
  truth(): Promise<readonly StoredPosition[]>;
  close(): Promise<void>;
  /** Whether the store can refuse rows. */
  readonly rejects: boolean;
}

/** Milliseconds after which the stores under test forget a driver. */
export const STALE_AFTER = 300_000;

/** What every store has to keep. Its subjects forget drivers after {@link STALE_AFTER}. */
export function storeContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(`the ${name} store`, () => {
    let subject: ContractSubject;
    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    afterAll(() => subject?.close(), 30_000);

    const fresh = async () => {
      await subject.clear();
      return subject.store;
    };

    it('gives back what was written, bit for bit', async () => {
      const store = await fresh();
      const rows = [
        row('bare'),
        row('full', {
          lat: 12.345678901234567,
          lng: -179.99999999999997,
          timestamp: T0 + 123,
          receivedAt: T0 + 456,
          accuracy: 0.1,
          altitude: -430.5,
          heading: 359.99999999999994,
          speed: 5e-324,
          attributes: { status: 'available', seats: 4, electric: true, 'weird "key"\\': '𝕏 \n\t "quoted" \\ \u0001' },
        }),
        row('zero', { lat: 0, lng: 0, accuracy: 0, altitude: 0, heading: 0, speed: 0, timestamp: 1 }),
      ];
      await store.writePositions(rows);
      expect(byId(await all(store))).toEqual(byId(rows));
      expect(byId(await subject.truth())).toEqual(byId(rows));
    });

    it('takes an older timestamp from a driver that had gone stale, and from no other', async () => {
      const store = await fresh();
      const held = ['forgotten', 'known'].map((id) => row(id, { timestamp: T0 + 20_000 }));
      await store.writePositions(held);
      const older = { timestamp: T0, lat: 1 };
      await store.writePositions([
        row('forgotten', { ...older, receivedAt: T0 + 5 + STALE_AFTER + 1 }),
        row('known', { ...older, receivedAt: T0 + 5 + STALE_AFTER }),
      ]);
      const places = new Map((await subject.truth()).map(({ driverId, lat }) => [driverId, lat]));
      expect(places.get('forgotten')).toBe(1);
      expect(places.get('known')).toBe(held[1].lat);
    });

    it('keeps the corners of the world where they are', async () => {
      const store = await fresh();
      const rows = [-90, -89.99999999999999, 0, 90].flatMap((lat) =>
        [-180, -179.99999999999997, 179.99999999999997, 180].map((lng) => row(`${lat}/${lng}`, { lat, lng })),
      );
      await store.writePositions(rows);
      expect(byId(await all(store))).toEqual(byId(rows));
    });

    it('gives back any number and any time', async () => {
      const finite = fc
        .double({ noNaN: true, noDefaultInfinity: true })
        // −0 is the one number that is not told from another.
        .map((value) => value + 0);
      const position = fc.record({
        lat: fc.double({ min: -90, max: 90, noNaN: true }).map((value) => value + 0),
        lng: fc.double({ min: -180, max: 180, noNaN: true }).map((value) => value + 0),
        timestamp: fc.integer({ min: 0, max: 4_102_444_800_000 }),
        receivedAt: fc.integer({ min: 0, max: 4_102_444_800_000 }),
        altitude: finite,
        speed: finite,
        attributes: fc.dictionary(
          fc.string({ minLength: 1 }).filter((key) => key !== '__proto__' && !key.includes('\0')),
          fc.oneof(
            fc.string().filter((value) => !value.includes('\0')),
            finite,
            fc.boolean(),
          ),
          { minKeys: 1, maxKeys: 16, noNullPrototype: true },
        ),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(position, { minLength: 1, maxLength: 50 }), async (positions) => {
          const store = await fresh();
          const rows = positions.map((changes, index) => row(`driver-${index}`, changes));
          await store.writePositions(rows);
          expect(byId(await all(store))).toEqual(byId(rows));
        }),
        { numRuns: 30 },
      );
    }, 30_000);

    it('takes a newer row for a driver, whole', async () => {
      const store = await fresh();
      await store.writePositions([row('a', { speed: 5, heading: 90, attributes: { status: 'busy', seats: 1 } })]);
      const newer = row('a', { timestamp: T0 + 1, lat: 13, attributes: { status: 'free' } });
      await store.writePositions([newer]);
      expect(await all(store)).toEqual([newer]);
    });

    it('leaves a row with the same or a newer timestamp alone', async () => {
      const store = await fresh();
      const held = row('a', { timestamp: T0, lat: 1 });
      await store.writePositions([held]);
      await store.writePositions([row('a', { timestamp: T0, lat: 2 }), row('b')]);
      await store.writePositions([row('a', { timestamp: T0 - 1, lat: 3, receivedAt: T0 + 99 })]);
      expect(byId(await all(store))).toEqual(byId([held, row('b')]));
    });

    it('forgets who is removed, and nobody else', async () => {
      const store = await fresh();
      const gone = ['a', 'Zoë', '運転手 🚕', "o'neil", '"\\', 'x'.repeat(128)];
      const kept = [row('b'), row('ab'), row('A'), ...gone.map((id) => row(id, { fleet: 'other' }))];
      await store.writePositions([...gone.map((id) => row(id)), ...kept]);
      // Who is not there, or in a fleet that is not, is no error.
      const strangers = ['nobody', ...gone].map((driverId) => ({ fleet: 'nowhere', driverId }));
      await store.removePositions([{ fleet: 'default', driverId: 'nobody' }, ...strangers]);
      expect((await subject.truth()).length).toBe(gone.length + kept.length);
      await store.removePositions(gone.map((driverId) => ({ fleet: 'default', driverId })));
      expect(byId(await all(store))).toEqual(byId(kept));
      expect(byId(await subject.truth())).toEqual(byId(kept));
      await store.removePositions([]);
      expect(byId(await subject.truth())).toEqual(byId(kept));
    });

    it('takes any timestamp from a driver that was removed', async () => {
      const store = await fresh();
      await store.writePositions([row('a', { timestamp: T0 }), row('b', { timestamp: T0 })]);
      await store.removePositions([row('a')]);
      const back = row('a', { timestamp: T0 - 1_000, lat: 1 });
      await store.writePositions([back, row('b', { timestamp: T0 - 1_000, lat: 1 })]);
      expect(byId(await all(store))).toEqual(byId([back, row('b', { timestamp: T0 })]));
    });

    it('removes many at a time', async () => {
      const store = await fresh();
      const rows = Array.from({ length: 5_000 }, (_, index) => row(`driver-${index}`, { fleet: `f${index % 3}` }));
      await store.writePositions(rows);
      await store.removePositions(rows.filter((_, index) => index % 5 !== 0));
      expect(byId(await all(store))).toEqual(byId(rows.filter((_, index) => index % 5 === 0)));
    });

    it('knows drivers of the same name in two fleets apart', async () => {
      const store = await fresh();
      const rows = [row('a', { fleet: 'red', lat: 1 }), row('a', { fleet: 'blue', lat: 2 })];
      await store.writePositions(rows);
      expect(byId(await all(store))).toEqual(byId(rows));
    });

    it('takes names in any script', async () => {
      const store = await fresh();
      const rows = ['Zoë', 'zoe', 'Ж', '運転手', '🚕', 'a b', "o'neil", '"', '\\', 'x'.repeat(128)].map((id) =>
        row(id),
      );
      await store.writePositions(rows);
      expect(byId(await all(store))).toEqual(byId(rows));
    });

    it('loads what was received since, and no more', async () => {
      const store = await fresh();
      await store.writePositions([99, 100, 101].map((ms) => row(`at-${ms}`, { receivedAt: T0 + ms })));
      expect(ids(await all(store, T0 + 100))).toEqual(['at-100', 'at-101']);
      expect(await all(store, T0 + 102)).toEqual([]);
    });

    it('loads more than one batch, each row once', async () => {
      const store = await fresh();
      const rows = Array.from({ length: 12_345 }, (_, index) => row(`driver-${index}`, { fleet: `f${index % 3}` }));
      for (let from = 0; from < rows.length; from += 5_000) await store.writePositions(rows.slice(from, from + 5_000));
      let batches = 0;
      const loaded: StoredPosition[] = [];
      for await (const batch of store.loadPositions(0)) {
        batches++;
        loaded.push(...batch);
      }
      expect(batches).toBeGreaterThan(1);
      expect(byId(loaded)).toEqual(byId(rows));
    }, 30_000);

    it('takes an empty batch', async () => {
      const store = await fresh();
      await store.writePositions([]);
      expect(await all(store)).toEqual([]);
    });

    it('ends up with the newest of each driver, however many write at once', async () => {
      const store = await fresh();
      const drivers = Array.from({ length: 50 }, (_, index) => `driver-${index}`);
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          // Each in another order: in one order only, two transactions could never wait for each other.
          store.writePositions(rotate(drivers, n).map((id) => row(id, { timestamp: T0 + ((n * 7) % 40), lat: n }))),
        ),
      );
      const stored = await subject.truth();
      expect(stored.length).toBe(50);
      expect(new Set(stored.map(({ timestamp }) => timestamp))).toEqual(new Set([T0 + 39]));
    });

    it('neither loses nor hangs on anything, however many write and remove at once', async () => {
      const store = await fresh();
      const drivers = Array.from({ length: 50 }, (_, index) => row(`driver-${index}`));
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          n % 3 === 0
            ? store.removePositions(rotate(drivers, n))
            : store.writePositions(rotate(drivers, n).map((it) => ({ ...it, timestamp: T0 + n }))),
        ),
      );
      const last = drivers.map((it) => ({ ...it, timestamp: T0 + 40 }));
      await store.writePositions(last);
      expect(byId(await subject.truth())).toEqual(byId(last));
      await Promise.all([store.removePositions(drivers), store.removePositions(rotate(drivers, 7).reverse())]);
      expect(await subject.truth()).toEqual([]);
    });

    it('answers a ping', async () => {
      await subject.store.ping();
    });

    it('writes nothing of a batch that holds a row it cannot take, and says that it never will', async () => {
      if (!subject.rejects) return;
      const store = await fresh();
      const poison = row('poison', { attributes: { note: 'a \0 in a text' } });
      await expect(store.writePositions([row('a'), poison, row('b')])).rejects.toThrow(StoreRejected);
      expect(await subject.truth()).toEqual([]);
      await store.writePositions([row('a'), row('b')]);
      expect(ids(await subject.truth())).toEqual(['a', 'b']);
    });
  });
}

async function all(store: Store, since = 0): Promise<StoredPosition[]> {
  const rows: StoredPosition[] = [];
  for await (const batch of store.loadPositions(since)) rows.push(...batch);
  return rows;
}

const byId = (rows: readonly StoredPosition[]) => new Map(rows.map((it) => [`${it.fleet}/${it.driverId}`, it]));
const ids = (rows: readonly StoredPosition[]) => rows.map(({ driverId }) => driverId).sort();
const rotate = <T>(list: readonly T[], n: number) => [...list.slice(n), ...list.slice(0, n)];
