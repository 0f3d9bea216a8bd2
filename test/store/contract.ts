import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entry, type Store, type StoredFix, StoreRejected } from '../../src/store/store.ts';
import { seeded } from '../support/random.ts';
import { late, positions, removals, row, T0 } from './rows.ts';

export interface ContractSubject {
  readonly store: Store;
  /** The same with a history of the {@link RETENTION_DAYS} days before {@link T0}. */
  readonly keeping: Store;
  /** Empties the store. */
  clear(): Promise<void>;
  /** What the store holds, by way of anything but the store. */
  truth(): Promise<readonly StoredFix[]>;
  /** What its history holds, likewise. */
  fixes(): Promise<readonly StoredFix[]>;
  close(): Promise<void>;
  /** Whether the store can refuse rows. */
  readonly rejects: boolean;
}

/** Milliseconds after which the stores under test forget a driver. */
export const STALE_AFTER = 300_000;

export const RETENTION_DAYS = 7;

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
      await store.write(positions(rows));
      expect(byId(await all(store))).toEqual(byId(rows));
      expect(byId(await subject.truth())).toEqual(byId(rows));
    });

    it.each([
      ['after it was stored', false],
      ['in one batch with it', true],
    ])('takes an older timestamp from a driver that had gone stale, and from no other, %s', async (_, isOneBatch) => {
      const store = await fresh();
      const held = ['forgotten', 'known'].map((id) => row(id, { timestamp: T0 + 20_000 }));
      const older = { timestamp: T0, lat: 1 };
      const others = [
        row('forgotten', { ...older, receivedAt: T0 + 5 + STALE_AFTER + 1 }),
        row('known', { ...older, receivedAt: T0 + 5 + STALE_AFTER }),
      ];
      if (!isOneBatch) await store.write(positions(held));
      await store.write(positions(isOneBatch ? [...held, ...others] : others));
      const places = new Map((await subject.truth()).map(({ driverId, lat }) => [driverId, lat]));
      expect(places.get('forgotten')).toBe(1);
      expect(places.get('known')).toBe(held[1].lat);
    });

    it('keeps the corners of the world where they are', async () => {
      const store = await fresh();
      const rows = [-90, -89.99999999999999, 0, 90].flatMap((lat) =>
        [-180, -179.99999999999997, 179.99999999999997, 180].map((lng) => row(`${lat}/${lng}`, { lat, lng })),
      );
      await store.write(positions(rows));
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
        fc.asyncProperty(fc.array(position, { minLength: 1, maxLength: 50 }), async (places) => {
          const store = await fresh();
          const rows = places.map((changes, index) => row(`driver-${index}`, changes));
          await store.write(positions(rows));
          expect(byId(await all(store))).toEqual(byId(rows));
        }),
        { numRuns: 30 },
      );
    }, 30_000);

    it('takes a newer row for a driver, whole', async () => {
      const store = await fresh();
      await store.write(positions([row('a', { speed: 5, heading: 90, attributes: { status: 'busy', seats: 1 } })]));
      const newer = row('a', { timestamp: T0 + 1, lat: 13, attributes: { status: 'free' } });
      await store.write(positions([newer]));
      expect(await all(store)).toEqual([newer]);
    });

    it('leaves a row with the same or a newer timestamp alone', async () => {
      const store = await fresh();
      const held = row('a', { timestamp: T0, lat: 1 });
      await store.write(positions([held]));
      await store.write(positions([row('a', { timestamp: T0, lat: 2 }), row('b')]));
      await store.write(positions([row('a', { timestamp: T0 - 1, lat: 3, receivedAt: T0 + 99 })]));
      expect(byId(await all(store))).toEqual(byId([held, row('b')]));
    });

    it('forgets who is removed, and nobody else', async () => {
      const store = await fresh();
      const gone = ['a', 'Zoë', '運転手 🚕', "o'neil", '"\\', 'x'.repeat(128)];
      const kept = [row('b'), row('ab'), row('A'), ...gone.map((id) => row(id, { fleet: 'other' }))];
      await store.write(positions([...gone.map((id) => row(id)), ...kept]));
      // Who is not there, or in a fleet that is not, is no error.
      const strangers = ['nobody', ...gone].map((driverId) => ({ fleet: 'nowhere', driverId }));
      await store.write(removals([{ fleet: 'default', driverId: 'nobody' }, ...strangers]));
      expect((await subject.truth()).length).toBe(gone.length + kept.length);
      await store.write(removals(gone.map((driverId) => ({ fleet: 'default', driverId }))));
      expect(byId(await all(store))).toEqual(byId(kept));
      expect(byId(await subject.truth())).toEqual(byId(kept));
      await store.write(removals([]));
      expect(byId(await subject.truth())).toEqual(byId(kept));
    });

    it('takes any timestamp from a driver that was removed', async () => {
      const store = await fresh();
      await store.write(positions([row('a', { timestamp: T0 }), row('b', { timestamp: T0 })]));
      await store.write(removals([row('a')]));
      const back = row('a', { timestamp: T0 - 1_000, lat: 1 });
      await store.write(positions([back, row('b', { timestamp: T0 - 1_000, lat: 1 })]));
      expect(byId(await all(store))).toEqual(byId([back, row('b', { timestamp: T0 })]));
    });

    it('forgets what was received until the moment of a removal, to the millisecond, and nothing after it', async () => {
      const store = await fresh();
      const rows = [-1, 0, 1].map((ms) => row(`at${ms}`, { receivedAt: T0 + ms, timestamp: T0 + 9_000 }));
      await store.write(positions(rows));
      await store.write(removals(rows, T0));
      expect(ids(await subject.truth())).toEqual(['at1']);
      // Of those who stay the timestamp is not forgotten either.
      const older = { timestamp: T0, receivedAt: T0 + 5_000, lat: 1 };
      await store.write([...removals(rows, T0), ...positions(rows.map(({ driverId }) => row(driverId, older)))]);
      expect(byId(await subject.truth())).toEqual(byId([row('at-1', older), row('at0', older), rows[2]]));
      await store.write([...removals(rows, T0 + 1), ...positions([row('at1', older)])]);
      expect((await subject.truth()).find(({ driverId }) => driverId === 'at1')?.lat).toBe(1);
    });

    it('leaves a fix of the same batch alone that was received after the moment of a removal', async () => {
      const store = await fresh();
      const driven = (id: string, ms: number, lat: number) => row(id, { timestamp: T0 + ms, receivedAt: T0 + ms, lat });
      await store.write(positions([driven('held', -9, 0), driven('newer', -9, 0)]));
      await store.write([
        ...positions([driven('held', 1, 1), driven('new', 1, 1), driven('newer', 2, 1), driven('out', 0, 1)]),
        ...removals(
          ['held', 'new', 'newer', 'out'].map((id) => row(id)),
          T0,
        ),
        ...removals([row('newer')], T0 + 1),
      ]);
      expect(byId(await subject.truth())).toEqual(
        byId([driven('held', 1, 1), driven('new', 1, 1), driven('newer', 2, 1)]),
      );
    });

    it('comes to the same as one entry after the other, whoever else wrote before', async () => {
      const random = seeded(`the ${name} store, removals`);
      const drivers = Array.from({ length: 150 }, (_, n) => `driver-${n}`);
      for (let round = 0; round < 4; round++) {
        const store = await fresh();
        const held = new Map<string, StoredFix>();
        // By another process, with a clock of its own.
        for (const id of drivers.filter(() => random.next() < 0.8)) {
          const [timestamp, receivedAt] = [T0 + random.below(30), T0 + random.below(30) - 10];
          held.set(id, row(id, { timestamp, receivedAt: receivedAt - (random.next() < 0.2 ? STALE_AFTER : 0) }));
        }
        await store.write(positions([...held.values()]));
        const batch = drivers.flatMap((id) => {
          const entries: Entry[] = [];
          let [timestamp, now] = [T0 + random.below(30), T0];
          for (let step = random.below(5); step >= 0; step--) {
            if (random.next() < 0.5) entries.push(...positions([row(id, { timestamp, receivedAt: now, lat: step })]));
            else {
              entries.push(...removals([row(id)], now));
              timestamp = T0 + random.below(30);
            }
            timestamp += 1 + random.below(5);
            now += random.below(5);
          }
          return entries;
        });
        for (const entry of batch) {
          const id = entry.kind === 'removal' ? entry.driver.driverId : entry.fix.driverId;
          const now = held.get(id);
          if (entry.kind === 'removal') {
            if (now !== undefined && now.receivedAt <= entry.at) held.delete(id);
          } else {
            const { fix } = entry;
            const gives = now === undefined || now.timestamp < fix.timestamp;
            if (gives || now.receivedAt < fix.receivedAt - STALE_AFTER) held.set(id, fix);
          }
        }
        await store.write(batch);
        expect(byId(await subject.truth())).toEqual(byId([...held.values()]));
      }
    });

    it('removes many at a time', async () => {
      const store = await fresh();
      const rows = Array.from({ length: 5_000 }, (_, index) => row(`driver-${index}`, { fleet: `f${index % 3}` }));
      await store.write(positions(rows));
      await store.write(removals(rows.filter((_, index) => index % 5 !== 0)));
      expect(byId(await all(store))).toEqual(byId(rows.filter((_, index) => index % 5 === 0)));
    });

    it('knows drivers of the same name in two fleets apart', async () => {
      const store = await fresh();
      const rows = [row('a', { fleet: 'red', lat: 1 }), row('a', { fleet: 'blue', lat: 2 })];
      await store.write(positions(rows));
      expect(byId(await all(store))).toEqual(byId(rows));
    });

    it('takes names in any script', async () => {
      const store = await fresh();
      const rows = ['Zoë', 'zoe', 'Ж', '運転手', '🚕', 'a b', "o'neil", '"', '\\', 'x'.repeat(128)].map((id) =>
        row(id),
      );
      await store.write(positions(rows));
      expect(byId(await all(store))).toEqual(byId(rows));
    });

    it('loads what was received since, and no more', async () => {
      const store = await fresh();
      await store.write(positions([99, 100, 101].map((ms) => row(`at-${ms}`, { receivedAt: T0 + ms }))));
      expect(ids(await all(store, T0 + 100))).toEqual(['at-100', 'at-101']);
      expect(await all(store, T0 + 102)).toEqual([]);
    });

    it('loads more than one batch, each row once', async () => {
      const store = await fresh();
      const rows = Array.from({ length: 12_345 }, (_, index) => row(`driver-${index}`, { fleet: `f${index % 3}` }));
      for (let from = 0; from < rows.length; from += 5_000)
        await store.write(positions(rows.slice(from, from + 5_000)));
      let batches = 0;
      const loaded: StoredFix[] = [];
      for await (const batch of store.loadPositions(0)) {
        batches++;
        loaded.push(...batch);
      }
      expect(batches).toBeGreaterThan(1);
      expect(byId(loaded)).toEqual(byId(rows));
    }, 30_000);

    it('takes an empty batch', async () => {
      const store = await fresh();
      await store.write(positions([]));
      expect(await all(store)).toEqual([]);
    });

    it('ends up with the newest of each driver, however many write at once', async () => {
      const store = await fresh();
      const drivers = Array.from({ length: 50 }, (_, index) => `driver-${index}`);
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          // Each in another order: in one order only, two transactions could never wait for each other.
          store.write(positions(rotate(drivers, n).map((id) => row(id, { timestamp: T0 + ((n * 7) % 40), lat: n })))),
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
            ? store.write(removals(rotate(drivers, n)))
            : store.write(positions(rotate(drivers, n).map((it) => ({ ...it, timestamp: T0 + n })))),
        ),
      );
      const last = drivers.map((it) => ({ ...it, timestamp: T0 + 40 }));
      await store.write(positions(last));
      expect(byId(await subject.truth())).toEqual(byId(last));
      await Promise.all([store.write(removals(drivers)), store.write(removals(rotate(drivers, 7).reverse()))]);
      expect(await subject.truth()).toEqual([]);
    });

    it('sums up what happened to a driver within one batch, in order', async () => {
      const store = await fresh();
      await store.write(positions(['back', 'gone', 'kept', 'late'].map((id) => row(id, { timestamp: T0 + 10 }))));
      await store.write([
        ...removals([row('back'), row('new')]),
        ...positions([row('gone', { timestamp: T0 + 20 }), row('back', { timestamp: T0 - 5, lat: 1 })]),
        ...removals([row('gone')]),
        ...late([row('late', { timestamp: T0 + 5 })]),
        ...positions([row('kept', { timestamp: T0 + 20, lat: 2 }), row('kept', { timestamp: T0 + 30, lat: 3 })]),
        ...positions([row('new', { timestamp: 1 })]),
      ]);
      const expected = [
        row('back', { timestamp: T0 - 5, lat: 1 }),
        row('kept', { timestamp: T0 + 30, lat: 3 }),
        row('late', { timestamp: T0 + 10 }),
        row('new', { timestamp: 1 }),
      ];
      expect(byId(await subject.truth())).toEqual(byId(expected));
    });

    describe('with a history', () => {
      const keeping = async () => {
        await subject.clear();
        return subject.keeping;
      };
      const day = 86_400_000;

      it('keeps every fix, late ones too, whole', async () => {
        const store = await keeping();
        const full = {
          accuracy: 0.1,
          altitude: -3,
          heading: 359.5,
          speed: 5e-324,
          attributes: { a: 'b', c: 1, d: true },
        };
        const fixes = [
          row('a'),
          row('a', { timestamp: T0 + 1, lat: 1, ...full }),
          row('b'),
          row('a', { fleet: 'other' }),
        ];
        const lateOnes = [row('a', { timestamp: T0 - 3 * day, lat: 2 }), row('a', { timestamp: T0 - 1, lat: 3 })];
        await store.write([...positions(fixes.slice(0, 2)), ...late(lateOnes), ...positions(fixes.slice(2))]);
        expect(byTime(await subject.fixes())).toEqual(byTime([...fixes, ...lateOnes]));
        expect(byId(await subject.truth())).toEqual(byId([fixes[1], fixes[2], fixes[3]]));
      });

      it('takes the same fixes again without a change, together with others, the first of a timestamp staying', async () => {
        const store = await keeping();
        const fixes = [row('a'), row('a', { timestamp: T0 + 1 })];
        await store.write(positions(fixes));
        await store.write(positions([...fixes, row('a', { timestamp: T0 + 2 })]));
        await store.write(late([row('a', { lat: 1 }), row('b'), row('b', { lat: 1 })]));
        const kept = [...fixes, row('a', { timestamp: T0 + 2 }), row('b')];
        expect(byTime(await subject.fixes())).toEqual(byTime(kept));
      });

      it('keeps the first of a driver and a timestamp also of those in one batch', async () => {
        const store = await keeping();
        const drivers = Array.from({ length: 10 }, (_, n) => `driver-${n}`);
        // So many that no database sorts them by the way.
        const fixes = Array.from({ length: 20 }, (_, lat) => drivers.map((id) => row(id, { lat }))).flat();
        await store.write(late(fixes));
        expect(byTime(await subject.fixes())).toEqual(byTime(drivers.map((id) => row(id, { lat: 0 }))));
      });

      it('keeps what a driver did before it went off duty', async () => {
        const store = await keeping();
        await store.write([...positions([row('a')]), ...removals([row('a')])]);
        expect(await subject.fixes()).toEqual([row('a')]);
        expect(await subject.truth()).toEqual([]);
      });

      it('keeps nothing of days before those that it is to keep, and takes the position nevertheless', async () => {
        const store = await keeping();
        const midnight = T0 - (T0 % day) - RETENTION_DAYS * day;
        const fixes = [midnight - 1, midnight, midnight + 1].map((timestamp) => row(`${timestamp}`, { timestamp }));
        await store.write(positions(fixes));
        await store.write(positions([row('only', { timestamp: 1 })]));
        expect(byTime(await subject.fixes())).toEqual(byTime(fixes.slice(1)));
        expect(byId(await subject.truth())).toEqual(byId([...fixes, row('only', { timestamp: 1 })]));
      });

      it('has a place for each day, whatever the order', async () => {
        const store = await keeping();
        const fixes = [0, 1, -6, -2, -5, 0.5].map((days) => row('a', { timestamp: T0 + days * day }));
        for (const fix of fixes) await store.write(late([fix]));
        expect(byTime(await subject.fixes())).toEqual(byTime(fixes));
      });

      it('keeps nothing of a batch that it cannot take', async () => {
        if (!subject.rejects) return;
        const store = await keeping();
        const poison = row('poison', { attributes: { note: 'a \0 in a text' } });
        await expect(store.write([...positions([row('a')]), ...late([poison])])).rejects.toThrow(StoreRejected);
        expect(await subject.fixes()).toEqual([]);
        expect(await subject.truth()).toEqual([]);
      });

      it('neither fails nor hangs, however many write and remove one another’s drivers at once', async () => {
        const store = await keeping();
        const drivers = Array.from({ length: 60 }, (_, index) => row(`driver-${index}`));
        await store.write(positions(drivers));
        await Promise.all(
          Array.from({ length: 8 }, (_, n) => {
            const mixed = rotate(drivers, n * 7);
            const moved = mixed.slice(0, 30).map((it) => ({ ...it, timestamp: T0 + n }));
            return store.write([...removals(mixed.slice(20)), ...positions(moved), ...late(moved)]);
          }),
        );
        expect((await subject.fixes()).length).toBeGreaterThan(60);
      }, 60_000);

      it('neither loses nor hangs on anything, however many write the same at once', async () => {
        const store = await keeping();
        const fixes = Array.from({ length: 200 }, (_, n) => row(`driver-${n % 20}`, { timestamp: T0 + n }));
        await Promise.all(Array.from({ length: 12 }, (_, n) => store.write(late(rotate(fixes, n * 17)))));
        expect(byTime(await subject.fixes())).toEqual(byTime(fixes));
      });
    });

    it('answers a ping', async () => {
      await subject.store.ping();
    });

    it('writes nothing of a batch that holds a row it cannot take, and says that it never will', async () => {
      if (!subject.rejects) return;
      const store = await fresh();
      const poison = row('poison', { attributes: { note: 'a \0 in a text' } });
      await expect(store.write(positions([row('a'), poison, row('b')]))).rejects.toThrow(StoreRejected);
      expect(await subject.truth()).toEqual([]);
      await store.write(positions([row('a'), row('b')]));
      expect(ids(await subject.truth())).toEqual(['a', 'b']);
    });
  });
}

async function all(store: Store, since = 0): Promise<StoredFix[]> {
  const rows: StoredFix[] = [];
  for await (const batch of store.loadPositions(since)) rows.push(...batch);
  return rows;
}

const byId = (rows: readonly StoredFix[]) => new Map(rows.map((it) => [`${it.fleet}/${it.driverId}`, it]));
const byTime = (rows: readonly StoredFix[]) =>
  new Map(rows.map((it) => [`${it.fleet}/${it.driverId}/${it.timestamp}`, it]));
const ids = (rows: readonly StoredFix[]) => rows.map(({ driverId }) => driverId).sort();
const rotate = <T>(list: readonly T[], n: number) => [...list.slice(n), ...list.slice(0, n)];
