import { cellToBoundary, cellToLatLng, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import type { Sight } from '../../src/sight.ts';
import { type AskedArea, areasIn } from '../support/areas.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';
import { agree, viewOf } from './agree.ts';
import { DAWN, type Kept, kept, madeUpDay, sourceOf, Truth } from './past.ts';
import { Stage } from './stage.ts';

const CITY: Place = [30, -97];
const DATELINE: Place = [-17, 179.99];
const HOURS = 3_600_000;
/** The middle of a cell of some 45 km from corner to corner: everybody in it is told to be there. */
const CELL = latLngToCell(...CITY, 4);
const MIDDLE: Place = cellToLatLng(CELL);

/** A fix as it may be told, by H3 itself. */
function told({ accuracy, altitude, heading, speed, ...fix }: Kept, precision: number | undefined): Kept {
  if (precision === undefined) return { ...fix, accuracy, altitude, heading, speed };
  const [lat, lng] = cellToLatLng(latLngToCell(fix.lat, fix.lng, precision));
  return { ...fix, lat, lng };
}

/** An area of which nothing outside of bounds is known. */
function boundedBy(area: AskedArea, bounds: Circle | undefined): AskedArea {
  if (bounds === undefined) return area;
  const holds = (place: Place) => trueDistance(bounds.lat, bounds.lng, ...place) <= bounds.radius;
  return {
    ...area,
    holds: (place, places) => holds(place) && area.holds(place, new Map([...places].filter(([, it]) => holds(it)))),
  };
}

const around = (centre: Place, azimuth: number, metres: number, radius: number) =>
  new Circle(...destination(centre, azimuth, metres), radius);

/** Who sees what, where; and how many metres about it drivers go. */
const cases: [string, Place, Omit<Sight, 'fleet'>, number?][] = [
  ['within bounds', CITY, { bounds: around(CITY, 30, 2_000, 2_500) }],
  ['within bounds over the antimeridian', DATELINE, { bounds: around(DATELINE, 200, 1_000, 3_000) }],
  ['by cells of a street', CITY, { precision: 9 }],
  ['by cells as large as the areas, over the antimeridian', DATELINE, { precision: 6 }],
  ['by a cell of which the areas are but the middle', MIDDLE, { precision: 4 }, 30_000],
  ['within bounds by cells', CITY, { bounds: around(CITY, 100, 3_000, 4_000), precision: 7 }],
];
for (const [name, centre, sight, reach = 12_000] of cases) {
  test(`[17.8] every message of a replay ${name} is the truth of what may be seen, and nothing is left untold`, async () => {
    const random = seeded('replay by sight');
    const from = DAWN + 23.5 * HOURS;
    const to = from + HOURS;
    const fixes = madeUpDay(random, centre, { drivers: 25, from, to, reach });
    const truth = new Truth(fixes.map((fix) => told(fix, sight.precision)));
    let most = 0;
    for (const area of areasIn(centre, 'd7')) {
      const asked = { area: boundedBy(area, sight.bounds) };
      const source = sourceOf(fixes);
      const stage = new Stage({
        source,
        sight: { fleet: 'default', ...sight },
        view: viewOf(area),
        from,
        to,
        speed: 1_500,
      });
      stage.onMessage = ({ serverTime }) => {
        agree(stage, truth, asked, serverTime);
        most = Math.max(most, stage.belief.drivers.size);
      };
      await stage.begin();
      await stage.playOut(() => {
        if (random.next() < 0.1) agree(stage, truth, asked, stage.replay.now);
      });
      expect(stage.ended).toEqual({ error: undefined });
    }
    expect(most).toBeGreaterThan(0);
  });
}

test('[17.8] nobody outside of the bounds is read, though the whole fleet is asked for', async () => {
  const fixes = [
    kept('in', CITY, DAWN),
    kept('out', destination(CITY, 0, 200_000), DAWN),
    kept('out', destination(CITY, 0, 200_100), DAWN + 5_000),
  ];
  const source = sourceOf(fixes);
  const read = new Set<string>();
  const noting = (list: readonly { driverId: string }[]) => {
    for (const { driverId } of list) read.add(driverId);
  };
  const stage = new Stage({
    source: {
      latest: async (...asked) => {
        const found = await source.latest(...asked);
        noting(found);
        return found;
      },
      fixes: async (...asked) => {
        const found = await source.fixes(...asked);
        noting(found);
        return found;
      },
    },
    sight: { fleet: 'default', bounds: new Circle(...CITY, 1_000) },
    view: viewOf({ kind: 'everywhere', fields: {}, query: '', holds: () => true }),
    from: DAWN,
    to: DAWN + 10_000,
    speed: 100,
  });
  await stage.begin();
  await stage.playOut();
  expect([...read]).toEqual(['in']);
});

test('[17.8] a followed driver that goes out of the bounds is unknown, and is back when it comes back', async () => {
  const way = [0, 500, 900, 1_500, 5_000, 900, 0].map((metres, n) =>
    kept('d', destination(CITY, 90, metres), DAWN + n * 60_000),
  );
  const beside = kept('beside', destination(CITY, 90, 800), DAWN, { speed: 1 });
  const outside = kept('outside', destination(CITY, 90, 1_100), DAWN);
  const stage = new Stage({
    source: sourceOf([...way, beside, outside]),
    sight: { fleet: 'default', bounds: new Circle(...CITY, 1_000) },
    view: { area: viewOf({ ...areasIn(CITY, 'd')[3] }).area },
    from: DAWN,
    to: DAWN + 350_000,
    speed: 100,
  });
  const followed: unknown[] = [];
  stage.onMessage = (message) => {
    if (message.followed !== undefined) followed.push([message.serverTime - DAWN, message.followed]);
    expect(JSON.stringify(message)).not.toContain('outside');
  };
  await stage.begin();
  await stage.playOut();
  expect(followed.map((it) => (it as unknown[])[1])).toEqual(['here', 'unknown', 'here']);
  expect(stage.messages.find(({ exit }) => exit !== undefined)).toMatchObject({
    serverTime: DAWN + 180_000,
    exit: expect.arrayContaining([
      { driverId: 'd', reason: 'left' },
      { driverId: 'beside', reason: 'left' },
    ]),
  });
});

test('[17.8] by cells one meets whoever is told to be near, however far it is in truth, and the bounds go by that too', async () => {
  // A hair within the corners.
  const corners = cellToBoundary(CELL).map(([lat, lng]): Place => {
    const [north, east] = MIDDLE;
    return [north + 0.999 * (lat - north), east + 0.999 * (lng - east)];
  });
  expect(corners.every((corner) => latLngToCell(...corner, 4) === CELL)).toBe(true);
  const fixes = corners.map((corner, n) => kept(`d${n}`, corner, DAWN + n * 1_000));
  const all = fixes.map(({ driverId }) => driverId);
  const { area } = viewOf({ kind: 'around', fields: {}, query: 'around=d0&radius=1', holds: () => true });
  for (const bounds of [undefined, new Circle(...MIDDLE, 1)]) {
    for (const asked of [area, new Circle(...MIDDLE, 1)]) {
      const sight = { fleet: 'default', bounds, precision: 4 };
      const source = sourceOf(fixes);
      const stage = new Stage({ source, sight, view: { area: asked }, from: DAWN, to: DAWN + 20_000, speed: 100 });
      await stage.begin();
      await stage.playOut();
      expect(stage.belief.inside).toEqual(all);
      for (const { driverId, latitude, longitude } of stage.belief.drivers.values()) {
        expect([driverId, latitude, longitude]).toEqual([driverId, ...MIDDLE]);
      }
    }
  }
  // And nobody of those in truth within the bounds, who are told to be elsewhere.
  const sight = { fleet: 'default', bounds: new Circle(...corners[0], 1_000), precision: 4 };
  const source = sourceOf(fixes);
  const stage = new Stage({ source, sight, view: { area }, from: DAWN, to: DAWN + 20_000, speed: 100 });
  await stage.begin();
  await stage.playOut();
  expect(JSON.stringify(stage.messages)).not.toMatch(/latitude|here/);
});
