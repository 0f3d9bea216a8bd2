import { expect, test } from 'vitest';
import type { Circle } from '../../src/client/index.ts';
import { ringOf } from '../../src/web/dashboard/area-shape.ts';
import { back, begun, circleOf, type Drawing, finished, placed } from '../../src/web/dashboard/drawing.ts';
import { destination, trueDistance } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';

const MOST = 100_000;

/** Places put one after the other, of which none is refused. */
function drawn(shape: 'circle' | 'polygon', ...places: [lat: number, lng: number][]): Drawing {
  return places.reduce((drawing, [lat, lng]) => {
    const step = placed(drawing, { lat, lng }, MOST);
    if (!('drawing' in step)) throw new Error(`it did not go on: ${JSON.stringify(step)}`);
    return step.drawing;
  }, begun(shape));
}

test('a circle is its centre and a place on its rim, to the metre along the ellipsoid', () => {
  const random = seeded('drawn circles');
  for (let n = 0; n < 300; n++) {
    const centre = [random.between(-60, 60), random.between(-180, 180)] as const;
    const metres = random.between(5, 20_000);
    const [lat, lng] = destination(centre, random.between(0, 360), metres);
    // Maps count longitudes on.
    const step = placed(drawn('circle', [centre[0], centre[1]]), { lat, lng: lng + 360 * (n % 3) }, MOST);
    const { latitude, longitude, radius } = (step as { area: Circle }).area;
    expect(Math.abs(radius - metres)).toBeLessThan(0.7);
    expect(trueDistance(latitude, longitude, ...centre)).toBeLessThan(0.2);
  }
});

test('the outline of a circle is on its rim', () => {
  const random = seeded('outlines');
  for (let n = 0; n < 50; n++) {
    const [lat, lng] = [random.between(-60, 60), random.between(-180, 180)];
    const radius = random.between(10, 20_000);
    const ring = ringOf({ lat, lng }, radius);
    expect(ring[0]).toEqual(ring.at(-1));
    for (const [east, north] of ring) {
      expect(Math.abs(trueDistance(lat, lng, north, east) - radius)).toBeLessThan(0.05 + radius / 100_000);
    }
  }
});

test('a circle is neither nothing nor larger than may be', () => {
  const centre = { lat: 40, lng: -74 };
  expect(circleOf(centre, MOST, MOST)).toEqual({ area: { latitude: 40, longitude: -74, radius: MOST } });
  expect(circleOf(centre, MOST + 1, MOST)).toEqual({ fault: 'The radius may be 100,000 m at the most.' });
  for (const radius of [0, -5, Number.NaN]) expect(circleOf(centre, radius, MOST)).toHaveProperty('fault');
});

test('a polygon is its corners in their order, closed', () => {
  const drawing = drawn('polygon', [40, -74], [41, -74], [41, -73]);
  const coordinates = [
    [-74, 40],
    [-74, 41],
    [-73, 41],
    [-74, 40],
  ];
  expect(finished(drawing)).toEqual({ area: { polygon: { type: 'Polygon', coordinates: [coordinates] } } });
});

test('a corner that is taken back is none', () => {
  const drawing = back(drawn('polygon', [40, -74], [41, -74], [41, -73]));
  expect(drawing.corners).toHaveLength(2);
  expect(finished(drawing)).toHaveProperty('fault');
  expect(back(back(back(drawing))).corners).toEqual([]);
});

test('over the antimeridian corners go the short way, whichever turn of the world the map is in', () => {
  const { corners } = drawn('polygon', [-17, 538], [-16, -178], [-18, 181]);
  expect(corners.map(({ lng }) => lng)).toEqual([178, 182, 181]);
});
