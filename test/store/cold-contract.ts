import { cellToParent, latLngToCell } from 'h3-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import type { Region } from '../../src/geo/region.ts';
import type { CellCount } from '../../src/pages.ts';
import type { ColdPositions } from '../../src/store/cold-positions.ts';
import type { Store, StoredFix } from '../../src/store/store.ts';
import type { Tracker } from '../../src/tracker.ts';
import { fleets } from '../spatial/fleets.ts';
import { destination, type Place } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';
import { slowTest } from '../support/slow.ts';
import {
  type Asked,
  conditionsOf,
  driversAt,
  FRESH,
  NOW,
  plain,
  someArea,
  someCircle,
  someConditions,
  sorted,
  trackerOf,
} from './cold-fleet.ts';
import { positions, row } from './rows.ts';

export interface ColdSubject {
  readonly store: Store;
  /** What reads what is written to the store. */
  readonly positions: ColdPositions;
  /** The same that looks at 150 for a page at the most; absent: it looks at all. */
  readonly impatient?: ColdPositions;
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** The fleets that every run asks about; the others take their time in CI alone. */
const OFTEN = ['planet', 'one city', 'few points', 'pole', 'dateline', 'every 15 degrees', 'pentagons'];

/** Where many are. */
const CORNER = { lat: 48.2188, lng: 11.6247 };

/**
 * What everybody who reads the latest positions has to do: to answer as memory does, which is the judge.
 *
 * @param suite as `describe`
 */
export function coldContract(name: string, open: () => Promise<ColdSubject>, suite = describe): void {
  suite(`the latest positions out of ${name}`, () => {
    let subject: ColdSubject;
    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    afterAll(() => subject?.close(), 30_000);

    const holding = async (drivers: readonly StoredFix[]) => {
      await subject.clear();
      for (let from = 0; from < drivers.length; from += 5_000) {
        await subject.store.write(positions(drivers.slice(from, from + 5_000)));
      }
      return subject.positions;
    };
    const fresh = (drivers: readonly StoredFix[]) => drivers.filter(({ receivedAt }) => receivedAt >= FRESH);

    it('looks up drivers by their ids, whole, and not those of another fleet or gone stale', async () => {
      const full = {
        lat: 12.345678901234567,
        lng: -179.99999999999997,
        timestamp: NOW - 123,
        receivedAt: FRESH,
        accuracy: 0.1,
        altitude: -430.5,
        heading: 359.99999999999994,
        speed: 5e-324,
        attributes: { status: 'available', seats: 4, electric: true, 'weird "key"\\': '𝕏 \n\t "quoted" \\ \u0001' },
      };
      const names = ['Zoë', 'zoë', '運転手 🚕', "o'neil", '"\\', '%', '{}', 'x'.repeat(128)];
      const drivers = [
        ...names.map((id, n) => row(id, { ...full, fleet: 'f', lat: n })),
        row('bare', { fleet: 'f', receivedAt: NOW }),
        row('stale', { fleet: 'f', receivedAt: FRESH - 1 }),
        row('elsewhere', { fleet: 'g', receivedAt: NOW }),
        ...Array.from({ length: 2_500 }, (_, n) => row(`driver-${n}`, { fleet: 'f', receivedAt: NOW })),
      ];
      const cold = await holding(drivers);
      const asked = ['stale', 'elsewhere', 'nobody', 'bare', ...names];
      const found = await cold.byIds('f', asked, FRESH);
      const expected = drivers.filter(({ driverId }) => driverId === 'bare' || names.includes(driverId));
      const byId = (list: readonly { driverId: string }[]) => new Map(list.map((it) => [it.driverId, it]));
      expect(byId(found)).toEqual(byId(expected.map(({ fleet, ...position }) => position)));
      expect(found.length).toBe(expected.length);
      const many = drivers.filter(({ driverId }) => driverId.startsWith('driver-')).map(({ driverId }) => driverId);
      const others = await cold.byIds('f', many, FRESH);
      expect(others.map(({ driverId }) => driverId).sort()).toEqual(many.sort());
      expect(await cold.byIds('f', [], FRESH)).toEqual([]);
      expect(await cold.byIds('none', asked, FRESH)).toEqual([]);
    });

    it('gives all who are in some cells, each once, however many are at one place', async () => {
      const random = seeded(`cells of ${name}`);
      const crowd = driversAt(random, 700, () => [30.27, -97.74]);
      const spread = driversAt(random, 400, fleets['one city']).map((it) => ({ ...it, driverId: `c${it.driverId}` }));
      const world = driversAt(random, 200, fleets.pentagons).map((it) => ({ ...it, driverId: `w${it.driverId}` }));
      const drivers = [...crowd, ...spread, ...world];
      const cold = await holding([...drivers, ...drivers.map((it) => ({ ...it, fleet: 'g', lat: -it.lat }))]);
      const all = drivers.map(({ lat, lng }) => latLngToCell(lat, lng, 15));
      for (let i = 0; i < 6; i++) {
        // Of any resolution, some within others, and some twice.
        const cells = Array.from({ length: 1 + random.below(12) }, () =>
          cellToParent(random.pick(all), random.pick([0, 2, 4, 4, 6, 8, 15])),
        );
        cells.push(cells[0], latLngToCell(0, 0, 4));
        const inside = fresh(drivers.filter(({ lat, lng }) => isUnder(cells, lat, lng)));
        const found = [];
        for await (const batch of cold.inCells('f', cells, FRESH)) found.push(...batch);
        expect(found.length).toBe(inside.length);
        expect(sorted(found)).toEqual(sorted(inside));
      }
      const none = [];
      for await (const batch of cold.inCells('f', [], FRESH)) none.push(batch);
      expect(none).toEqual([]);
    });

    it('tells which cells somebody is in', async () => {
      const random = seeded(`occupied cells of ${name}`);
      const drivers = [
        ...driversAt(random, 300, fleets.pentagons),
        ...driversAt(random, 300, fleets['one city']).map((it) => ({ ...it, driverId: `c${it.driverId}` })),
      ];
      const cold = await holding([...drivers, row('g', { fleet: 'g', lat: 1, lng: 1, receivedAt: NOW })]);
      for (const resolution of [0, 1, 4, 7, 15]) {
        const cells = new Set(
          fresh(drivers).map(({ lat, lng }) => cellToParent(latLngToCell(lat, lng, 15), resolution)),
        );
        const found = await cold.occupied('f', resolution, FRESH);
        expect([...found].sort()).toEqual([...cells].sort());
      }
      expect(await cold.occupied('none', 4, FRESH)).toEqual([]);
    });

    const agrees = async (kind: string) => {
      const random = seeded(`${kind} out of ${name}`);
      const drivers = driversAt(random, 250, fleets[kind]);
      const cold = await holding([...drivers, ...drivers.map((it) => ({ ...it, fleet: 'g', speed: -1 }))]);
      const tracker = await trackerOf(drivers);
      for (let i = 0; i < 5; i++) {
        const { lat, lng } = random.pick(drivers);
        const centre = random.below(3) === 0 ? fleets[kind](random) : ([lat, lng] as const);
        const asked = someConditions(random, [...centre], 10 ** random.between(2, 7));
        await nearbyAgrees(cold, tracker, someCircle(random, [...centre], drivers), 1 + random.below(40), asked);
        const area = random.below(8) === 0 ? undefined : someArea(random, [...centre], drivers);
        await withinAgrees(cold, tracker, area, 5 + random.below(100), asked);
        await cellsAgree(cold, tracker, area, random.below(16), 5 + random.below(100), asked);
      }
    };
    it.each(OFTEN)('answers as memory does: %s', agrees);
    slowTest.each(Object.keys(fleets).filter((kind) => !OFTEN.includes(kind)))('answers as memory does: %s', agrees);

    it('answers as memory does where many are at one place, and where nobody is', async () => {
      const random = seeded(`a crowd out of ${name}`);
      const drivers = [
        ...driversAt(random, 1_000, fleets['one city']),
        ...driversAt(random, 600, () => [30.27, -97.74]).map((it) => ({ ...it, driverId: `p${it.driverId}` })),
      ];
      const cold = await holding(drivers);
      const tracker = await trackerOf(drivers);
      for (const limit of [1, 20, 650]) {
        for (const radius of [0, 5, 3_000, 100_000, 20_040_000]) {
          for (const asked of [{}, { where: { seats: 3 } }, { bounds: new Circle(30.28, -97.75, 9_000) }]) {
            await nearbyAgrees(cold, tracker, new Circle(30.27, -97.74, radius), limit, asked);
            // Around somebody aside, of whom none or few are near.
            const { lat, lng } = drivers[limit];
            await nearbyAgrees(cold, tracker, new Circle(lat, lng, radius), limit, asked);
          }
        }
      }
      for (const limit of [100, 1_000]) {
        await withinAgrees(cold, tracker, new Circle(30.27, -97.74, 20_000), limit, { where: { status: 'free' } });
        await cellsAgree(cold, tracker, new Circle(30.27, -97.74, 20_000), 9, limit, {});
      }
      const empty = new Circle(-30, 97, 5_000);
      await nearbyAgrees(cold, tracker, empty, 5, {});
      await withinAgrees(cold, tracker, empty, 5, {});
      await cellsAgree(cold, tracker, empty, 5, 5, {});
      const nobody = { receivedSince: FRESH };
      expect(await cold.nearby('none', empty, 5, nobody)).toEqual({ positions: [], distances: [], truncated: false });
      expect(await cold.within('none', undefined, 5, nobody)).toEqual({ positions: [] });
      expect(await cold.cells('none', undefined, 5, 5, nobody)).toEqual({ cells: [] });
    });

    it('answers as memory does where those who are near lie about the rim of a circle that may be looked at first', async () => {
      const random = seeded(`a rim out of ${name}`);
      const centres = Array.from({ length: 8 }, () => random.place());
      const about = (centre: Place, from: number, to: number) => () =>
        destination(centre, random.between(0, 360), random.between(from, to)) as [number, number];
      const drivers = centres.flatMap((centre, n) => [
        // A circle of 50 km, halved again and again.
        ...driversAt(random, 25, about(centre, 1_562.5, 2_000)).map((it) => ({
          ...it,
          driverId: `r${n}${it.driverId}`,
        })),
        ...driversAt(random, 600, about(centre, 20_000, 50_000)).map((it) => ({
          ...it,
          driverId: `f${n}${it.driverId}`,
        })),
      ]);
      const cold = await holding(drivers);
      const tracker = await trackerOf(drivers);
      for (const centre of centres) {
        for (const limit of [1, 2, 3, 5]) await nearbyAgrees(cold, tracker, new Circle(...centre, 50_000), limit, {});
      }
    });

    it('gives the same in smaller pages where it takes too long to look at all, and names nobody out of bounds', async () => {
      const random = seeded(`small pages of ${name}`);
      // By their ids those of one city come before those of the other.
      const [near, far] = [driversAt(random, 600, fleets['one city']), driversAt(random, 600, fleets.stadium)];
      const drivers = [
        ...near.map((it) => ({ ...it, driverId: `a${it.driverId}` })),
        ...far.map((it, n) => ({ ...it, driverId: `b${it.driverId}`, ...(n < 250 ? CORNER : {}) })),
        ...near.slice(0, 40).map((it) => ({ ...it, driverId: `c${it.driverId}` })),
      ];
      await holding(drivers);
      const cold = subject.impatient ?? subject.positions;
      const tracker = await trackerOf(drivers);
      const [home, away] = [new Circle(30.27, -97.74, 40_000), new Circle(48.2188, 11.6247, 150)];
      // One that is too small for a cell.
      const point = new Circle(CORNER.lat, CORNER.lng, 0.01);
      const kinds: Asked[] = [{}, { where: { status: 'free' } }, { where: { status: 'none' } }, { maxAge: 1 }];
      const pages: number[] = [];
      for (const area of [undefined, home, away]) {
        for (const bounds of [undefined, away, home, point]) {
          const more = random.pick(kinds);
          const lists = await withinAgrees(cold, tracker, area, 400, { bounds, ...more });
          if (bounds !== point) pages.push(lists);
          const [resolution, limit] = [random.pick([1, 1, 7, 9, 15]), random.pick([30, 400])];
          await cellsAgree(cold, tracker, area, resolution, limit, { bounds, ...more });
        }
      }
      // As many as follow from how many are looked at, and no more.
      expect(Math.max(...pages)).toBeLessThan(subject.impatient === undefined ? 12 : 30);
    });

    it('takes any moment', async () => {
      const cold = await holding([row('a', { fleet: 'f', receivedAt: 1, timestamp: 0 })]);
      for (const [receivedSince, since, count] of [
        [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 1],
        [-1e15, -1e15, 1],
        [0.5, -0.5, 1],
        [1, 0, 1],
        [1.5, 0, 0],
        [1, 0.001, 0],
        [Number.POSITIVE_INFINITY, undefined, 0],
      ] as const) {
        const { positions } = await cold.within('f', undefined, 5, { receivedSince, since });
        expect(positions.length).toBe(count);
      }
    });
  });
}

/** Whether the index at resolution 15 of a place descends from one of some cells. */
function isUnder(cells: readonly string[], lat: number, lng: number): boolean {
  const index = latLngToCell(lat, lng, 15);
  return cells.some((cell) => cellToParent(index, Number.parseInt(cell[1], 16)) === cell);
}

/** Asks both for the nearest. */
export async function nearbyAgrees(
  cold: ColdPositions,
  tracker: Tracker,
  circle: Circle,
  limit: number,
  asked: Asked,
): Promise<void> {
  const { bounds, ...filters } = asked;
  const { drivers, distances, truncated } = tracker.nearby({ fleet: 'f', bounds }, circle, limit, filters);
  const found = await cold.nearby('f', circle, limit, conditionsOf(asked));
  expect(plain(found.positions)).toEqual(plain(drivers.map(({ position }) => position)));
  expect({ distances: found.distances, truncated: found.truncated }).toEqual({
    distances: distances.slice(0, limit),
    truncated,
  });
}

/** Asks both for a list, to its end. @returns how many pages it had */
export async function withinAgrees(
  cold: ColdPositions,
  tracker: Tracker,
  area: Region | undefined,
  limit: number,
  asked: Asked,
): Promise<number> {
  const { bounds, ...filters } = asked;
  const expected = [];
  for (let after: string | undefined, more = true; more; ) {
    const page = tracker.within({ fleet: 'f', bounds }, area ?? EVERYWHERE, filters, 1_000, after);
    expected.push(...(page?.drivers ?? []));
    after = page?.next;
    more = after !== undefined;
  }
  const found = [];
  let pages = 0;
  for (let after: string | undefined, more = true; more; pages++) {
    const page = await cold.within('f', area, limit, conditionsOf(asked), after);
    expect(page.positions.length).toBeLessThanOrEqual(limit);
    found.push(...page.positions);
    if (page.next !== undefined && bounds !== undefined) {
      const named = tracker.driver({ fleet: 'f', bounds }, page.next);
      expect(named?.id).toBe(page.next);
    }
    after = page.next;
    more = after !== undefined;
  }
  expect(plain(found)).toEqual(plain(expected.map(({ position }) => position)));
  return pages;
}

/** Asks both for a census, to its end. @returns how many pages it had */
export async function cellsAgree(
  cold: ColdPositions,
  tracker: Tracker,
  area: Region | undefined,
  resolution: number,
  limit: number,
  asked: Asked,
): Promise<number> {
  const { bounds, ...filters } = asked;
  const expected: CellCount[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const page = tracker.cells({ fleet: 'f', bounds }, area ?? EVERYWHERE, resolution, filters, 1_000, after);
    expected.push(...(page?.cells ?? []));
    after = page?.next;
    more = after !== undefined;
  }
  const found: CellCount[] = [];
  let pages = 0;
  for (let after: string | undefined, more = true; more; pages++) {
    const page = await cold.cells('f', area, resolution, limit, conditionsOf(asked), after);
    expect(page.cells.length).toBeLessThanOrEqual(limit);
    if (page.next !== undefined && bounds !== undefined) {
      expect(expected.map(({ cell }) => cell)).toContain(page.next);
    }
    found.push(...page.cells);
    after = page.next;
    more = after !== undefined;
  }
  expect(found).toEqual(expected);
  return pages;
}
