import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Position } from '../../src/fix.ts';
import { Circle } from '../../src/geo/circle.ts';
import type { TrackSource } from '../../src/history/track-source.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';

/** A fix that is kept, and whose. */
export interface KeptFix extends Position {
  readonly fleet: string;
}

/** A source of tracks under test. */
export interface TracksSubject {
  readonly tracks: TrackSource;
  /** Has it keep these fixes and no others, in the order given. */
  keep(fixes: readonly KeptFix[]): Promise<void>;
  close(): Promise<void>;
}

const DAY = 86_400_000;
/** A midnight (UTC), so that days of fixes lie on both sides. */
export const MIDNIGHT = Date.UTC(2026, 0, 31);
/** Fixes of the contract are dated within so many days from {@link MIDNIGHT} on, and the day before. */
export const DAYS = 3;
const ALWAYS = { from: 0, to: 253_402_300_799_999 };

function fix(driverId: string, timestamp: number, changes: Partial<KeptFix> = {}): KeptFix {
  return { fleet: 'default', driverId, lat: 1, lng: 2, timestamp, receivedAt: timestamp + 5, ...changes };
}

/** What every source of tracks has to do. */
export function tracksContract(name: string, open: () => Promise<TracksSubject>): void {
  describe(`tracks out of ${name}`, () => {
    let subject: TracksSubject;
    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    afterAll(() => subject?.close(), 30_000);

    it('gives back what was kept, bit for bit', async () => {
      const kept = [
        fix('d', MIDNIGHT - DAY),
        fix('d', MIDNIGHT - 1, { lat: 0, lng: 0, accuracy: 0, altitude: 0, heading: 0, speed: 0 }),
        fix('d', MIDNIGHT + 123, {
          lat: 12.345678901234567,
          lng: -179.99999999999997,
          receivedAt: MIDNIGHT + 456_789,
          accuracy: 0.1,
          altitude: -430.5,
          heading: 359.99999999999994,
          speed: 5e-324,
          attributes: { status: 'available', seats: 4, electric: true, 'weird "key"\\': '𝕏 \n\t "quoted" \\ \u0001' },
        }),
        fix('d', MIDNIGHT + DAY - 1, { lat: 90, lng: 180 }),
        fix('d', MIDNIGHT + DAY, { lat: -90, lng: -180, altitude: 1.7976931348623157e308 }),
      ];
      await subject.keep(kept);
      const track = await subject.tracks.track({ fleet: 'default', driverId: 'd', ...ALWAYS }, 100);
      expect(track).toEqual(kept.map(({ fleet, ...position }) => position));
    });

    it('knows drivers of the same name in two fleets, and names that differ in case or accent, apart', async () => {
      const names = ['Zoë', 'zoë', 'Zoe', '運転手 🚕', "o'neil", '"\\', '%', 'x'.repeat(128)];
      const all = names.flatMap((driverId, i) => [
        fix(driverId, MIDNIGHT + i),
        fix(driverId, MIDNIGHT + 100 + i, { fleet: 'other' }),
      ]);
      await subject.keep(all);
      for (const [i, driverId] of names.entries()) {
        for (const [fleet, timestamp] of [
          ['default', MIDNIGHT + i],
          ['other', MIDNIGHT + 100 + i],
        ] as const) {
          const track = await subject.tracks.track({ fleet, driverId, ...ALWAYS }, 100);
          expect(track.map((it) => [it.driverId, it.timestamp])).toEqual([[driverId, timestamp]]);
          expect(await subject.tracks.knows(fleet, driverId)).toBe(true);
        }
        expect(await subject.tracks.track({ fleet: 'third', driverId, ...ALWAYS }, 100)).toEqual([]);
        expect(await subject.tracks.knows('third', driverId)).toBe(false);
      }
      expect(await subject.tracks.knows('default', 'nobody')).toBe(false);
      expect(await subject.tracks.track({ fleet: 'default', driverId: 'nobody', ...ALWAYS }, 100)).toEqual([]);
    });

    it('gives any part of a track, as looking at every fix does, whatever the order in which they came', async () => {
      const random = seeded(`tracks out of ${name}`);
      const moments = new Set(Array.from({ length: 3_000 }, () => MIDNIGHT - DAY + random.below((DAYS + 1) * DAY)));
      // Close to each other, and around midnight.
      for (let i = 0; i < 300; i++) moments.add(MIDNIGHT + random.below(2) * DAY - 20 + random.below(40));
      const all = [...moments].map((timestamp) => fix(random.pick(['a', 'b', 'c']), timestamp));
      all.sort(() => random.next() - 0.5);
      await subject.keep(all);
      const times = [...moments];
      for (let i = 0; i < 60; i++) {
        const driverId = random.pick(['a', 'b', 'c']);
        const [from, to] = [random.pick(times), random.pick(times) + random.below(3) - 1].sort((x, y) => x - y);
        const limit = random.pick([1, 2, 10, 500, 10_001]);
        const expected = all
          .filter((it) => it.driverId === driverId && it.timestamp >= from && it.timestamp <= to)
          .map(({ timestamp }) => timestamp)
          .sort((x, y) => x - y)
          .slice(0, limit);
        const track = await subject.tracks.track({ fleet: 'default', driverId, from, to }, limit);
        expect(track.map(({ timestamp }) => timestamp)).toEqual(expected);
      }
    });

    it('gives what was taken in a circle alone, wherever that is', async () => {
      const random = seeded(`tracks in circles out of ${name}`);
      const centres: Place[] = [
        [40.7, -74],
        [-17, 179.999],
        [89.99, 10],
        [0, 0],
      ];
      for (const centre of centres) {
        const scale = 10 ** random.between(1, 6);
        const all = Array.from({ length: 200 }, (_, i) => {
          const [lat, lng] = destination(centre, random.between(0, 360), scale * random.next());
          return fix('d', MIDNIGHT + i, { lat, lng });
        });
        await subject.keep(all);
        for (let i = 0; i < 5; i++) {
          const radius = scale * random.next();
          const limit = random.pick([3, 1_000]);
          const sure = (slack: number) =>
            all.filter(({ lat, lng }) => trueDistance(...centre, lat, lng) <= radius + slack);
          const circle = new Circle(...centre, radius);
          const track = await subject.tracks.track(
            { fleet: 'default', driverId: 'd', ...ALWAYS, within: circle },
            limit,
          );
          // On the rim, to the centimetre, either answer would do.
          if (sure(-0.01).length !== sure(0.01).length) continue;
          expect(track.map(({ timestamp }) => timestamp)).toEqual(
            sure(0)
              .map(({ timestamp }) => timestamp)
              .slice(0, limit),
          );
        }
        const everywhere = new Circle(...centre, 20_040_000);
        expect(
          (await subject.tracks.track({ fleet: 'default', driverId: 'd', ...ALWAYS, within: everywhere }, 1_000))
            .length,
        ).toBe(200);
      }
    });

    it('takes spans that hold nothing: before and after all, between two, and the whole of time', async () => {
      await subject.keep([fix('d', MIDNIGHT), fix('d', MIDNIGHT + 10)]);
      const count = async (from: number, to: number) =>
        (await subject.tracks.track({ fleet: 'default', driverId: 'd', from, to }, 9)).length;
      expect(await count(MIDNIGHT, MIDNIGHT + 10)).toBe(2);
      expect(await count(MIDNIGHT + 1, MIDNIGHT + 9)).toBe(0);
      expect(await count(0, MIDNIGHT - 1)).toBe(0);
      expect(await count(MIDNIGHT + 11, ALWAYS.to)).toBe(0);
      expect(await count(ALWAYS.from, ALWAYS.to)).toBe(2);
    });
  });
}
