import geographiclib from 'geographiclib-geodesic';
import { describe, expect, test } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { toEcef } from '../../src/geo/ecef.ts';
import { areaOf, Polygon } from '../../src/geo/polygon.ts';
import { EDGE, INSIDE, OUTSIDE } from '../../src/geo/region.ts';
import { type Random, seeded } from '../support/random.ts';
import {
  ball,
  boxRing,
  contains,
  contradiction,
  degreesOf,
  goFrom,
  isInside,
  isOnEdge,
  type Polygons,
  place,
  type Ring,
  star,
} from './shapes.ts';

const square = boxRing(0, 0, 8, 8);
const holed: Polygons = [[square, boxRing(2, 2, 6, 6)]];

/** Whether a polygon holds each of some points. */
function held(polygons: Polygons, ...points: [lat: number, lng: number][]): boolean[] {
  const polygon = new Polygon(polygons);
  return points.map(([lat, lng]) => contains(polygon, lat, lng));
}

/** Any ring at all, crossing itself or not, on whole degrees. */
function scribble(random: Random, vertices: number, extent: number): Ring {
  const ring: Ring = [];
  for (let i = 0; i < vertices; i++) {
    ring.push(random.below(2 * extent + 1) - extent, random.below(2 * extent + 1) - extent);
  }
  return [...ring, ring[0], ring[1]];
}

describe('a polygon', () => {
  test('holds its edges and vertices', () => {
    expect(held([[square]], [0, 0], [8, 8], [0, 8], [8, 0], [4, 0], [4, 8], [0, 4], [8, 4])).toEqual(
      Array(8).fill(true),
    );
    expect(held([[square]], [-1e-15, 4], [8.000000000000002, 4], [4, -1e-15], [4, 8.000000000000002])).toEqual(
      Array(4).fill(false),
    );
  });

  test('leaves its holes out, but not their edges', () => {
    expect(held(holed, [4, 4], [2.001, 2.001], [5.999, 5.999])).toEqual([false, false, false]);
    expect(held(holed, [1, 4], [7, 4], [4, 1], [4, 7])).toEqual([true, true, true, true]);
    expect(held(holed, [2, 2], [6, 6], [2, 4], [4, 2], [6, 4], [4, 6])).toEqual(Array(6).fill(true));
  });

  test('may have an island in a hole, as a ring or as another polygon, with a hole again', () => {
    const island = boxRing(3, 3, 5, 5);
    const pond = boxRing(3.5, 3.5, 4.5, 4.5);
    for (const polygons of [[[...holed[0], island, pond]], [...holed, [island, pond]], [[island, pond], ...holed]]) {
      expect(held(polygons, [2.5, 4], [3.2, 4], [4, 4], [3, 4], [3.5, 4])).toEqual([false, true, false, true, true]);
    }
  });

  test('that overlaps another takes nothing from it', () => {
    const three = [[square], [boxRing(4, 4, 12, 12)], [boxRing(5, 5, 7, 7)]];
    expect(held(three, [2, 2], [5, 5], [6, 6], [10, 10], [2, 10])).toEqual([true, true, true, true, false]);
    expect(held([holed[0], [boxRing(3, 3, 4, 12)]], [3.5, 4.1], [3.5, 3.5], [5, 3.5])).toEqual([false, true, true]);
    expect(held([[square], [square]], [4, 4], [9, 9])).toEqual([true, false]);
  });

  test('is not taken in by vertices and edges that the ray meets', () => {
    // Peaks up and down and edges along the parallel of the point, all east of it.
    const crown = [0, 0, 0, 20, 4, 18, 4, 16, 8, 14, 4, 12, 0.5, 10, 4, 8, 4, 6, 8, 4, 4, 2, 0, 0];
    const west = -1;
    expect(held([[crown]], [4, west], [8, west], [0, west], [0.5, west])).toEqual([false, false, false, false]);
    expect(held([[crown]], [4, 2.5], [4, 17.5], [8, 9], [0.5, 9.5], [4, 10])).toEqual([true, true, false, true, false]);
    expect(held([[crown]], [4, 17], [4, 7], [8, 4], [0.5, 10])).toEqual([true, true, true, true]);
  });

  test('may be as thin as a sliver or a line', () => {
    const sliver = [0, 0, 0, 1e-9, 10, 20, 0, 0];
    expect(held([[sliver]], [5, 10], [5, 10.0000000005], [5, 10.000000001], [5, 9.999999999], [11, 22])).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const line = [0, 0, 10, 20, 5, 10, 0, 0];
    expect(held([[line]], [5, 10], [2.5, 5], [10, 20], [5, 10.000001], [-1, -2], [11, 22])).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test('of a box’s corners is that box', () => {
    const random = seeded('polygon of a box');
    for (let i = 0; i < 300; i++) {
      const [south, north] = [random.below(181) - 90, random.below(181) - 90].sort((a, b) => a - b);
      const west = random.below(361) - 180;
      const width = 1 + random.below(359);
      const east = west + width;
      const box = new Box(west, south, east > 180 ? east - 360 : east, north);
      const polygon = new Polygon([[boxRing(west, south, east, north)]]);
      for (let j = 0; j < 40; j++) {
        const lat = random.pick([south, north, random.below(181) - 90, random.between(-90, 90)]);
        const lng = random.pick([box.west, box.east, random.below(361) - 180, random.between(-180, 180), 180, -180]);
        const all = `${[west, south, east, north]}: ${lat} ${lng}`;
        expect(contains(polygon, lat, lng), all).toBe(contains(box, lat, lng));
      }
    }
  });

  test('holds what its rings turn round an odd number of times, and what is on them', () => {
    const random = seeded('polygon');
    const found = { edge: 0, inside: 0, outside: 0 };
    for (let i = 0; i < 1_000; i++) {
      const extent = random.pick([3, 10, 40]);
      const polygons = Array.from({ length: 1 + random.below(4) }, () =>
        Array.from({ length: 1 + random.below(3) }, () => scribble(random, random.pick([3, 4, 7, 9, 30, 100]), extent)),
      );
      const polygon = new Polygon(polygons);
      for (let j = 0; j < 40; j++) {
        // Sixteenths, so that the judge is exact.
        const part = random.pick([1, 2, 16]);
        const lat = (random.below(2 * part * extent + 9) - part * extent - 4) / part;
        const lng = (random.below(2 * part * extent + 9) - part * extent - 4) / part;
        const onEdge = isOnEdge(polygons, lat, lng);
        const truth = onEdge || isInside(polygons, lat, lng);
        found[onEdge ? 'edge' : truth ? 'inside' : 'outside']++;
        expect(contains(polygon, lat, lng), `${JSON.stringify(polygons)}: ${lat} ${lng}`).toBe(truth);
      }
    }
    for (const number of Object.values(found)) expect(number).toBeGreaterThan(2_000);
  });

  test('may have 10,000 vertices, or be 2,500 islands in any order', () => {
    const random = seeded('large polygon');
    const islands = Array.from({ length: 2_500 }, () => [
      star(random, 3, random.between(-30, 30), random.between(-30, 30), [1, 1]),
    ]);
    for (const polygons of [[[star(random, 10_000, 0, 0, [40, 40], 0.3)]], islands]) {
      const polygon = new Polygon(polygons);
      let inside = 0;
      for (let j = 0; j < 150; j++) {
        const [lat, lng] = [random.between(-30, 30), random.between(-30, 30)];
        const truth = isInside(polygons, lat, lng);
        if (truth) inside++;
        expect(contains(polygon, lat, lng), `${lat} ${lng}`).toBe(truth);
      }
      expect(inside).toBeGreaterThan(10);
    }
  });

  test('counts as on an edge exactly the points that floating point cannot tell from it', () => {
    // Where rounding is worst: a grid as fine as floating point itself, beside a long edge, lng = 3·lat.
    const polygon = new Polygon([[[-12, -36, 24, 72, 24, -36, -12, -36]]]);
    for (let i = 0; i < 150; i++) {
      for (let j = 0; j < 300; j++) {
        const [lat, lng] = [0.5 + i * 2 ** -53, 1.5 + j * 2 ** -52];
        const outside = 2 * j - 3 * i;
        if (outside <= 0) expect(contains(polygon, lat, lng), `${i} ${j}`).toBe(true);
        // Twice the error's bound: 3.3e-16 times two products of 37.5 by 23.5, the edge 36 degrees high.
        else if (contains(polygon, lat, lng)) expect(outside * 2 ** -53).toBeLessThan(3.3e-14);
      }
    }
  });
});

describe('a polygon across the antimeridian', () => {
  /** One polygon in all its spellings: going on beyond 180, beyond −180, and cut in two. */
  function spellings(random: Random): [Polygons, Polygons, Polygons] {
    const [south, north] = [-random.below(20) - 1, random.below(20) + 1];
    const latitudes = (count: number) =>
      Array.from({ length: count }, () => south + ((north - south) * random.below(17)) / 16).sort((a, b) => a - b);
    // Chains from the cut's south to its north in the east, and back in the west; tenths of degrees, which are not
    // exact.
    const tenths = (from: number) => from + Math.round(random.between(1, 150)) / 10;
    const eastern = latitudes(random.below(6)).flatMap((lat) => [lat, tenths(180)]);
    const western = latitudes(random.below(6) + 1)
      .reverse()
      .flatMap((lat) => [lat, -tenths(-180)]);
    const move = (ring: Ring, by: number) =>
      ring.map((value, i) => (i % 2 === 0 ? value : Math.round((value + by) * 10) / 10));
    const whole = [south, 180, ...eastern, north, 180, ...western, south, 180];
    return [
      [[whole]],
      [[move(whole, -360)]],
      [
        [[south, 180, north, 180, ...western, south, 180]],
        ...(eastern.length > 0 ? [[move([south, 180, ...eastern, north, 180, south, 180], -360)]] : []),
      ],
    ];
  }

  test('is the same in all its spellings, edges and vertices too', () => {
    const random = seeded('spellings');
    for (let i = 0; i < 300; i++) {
      const spelled = spellings(random);
      const polygons = spelled.map((it) => new Polygon(it));
      const points = Array.from({ length: 30 }, (): [number, number] => [
        random.between(-21, 21),
        random.pick([180, -180, random.between(160, 180), random.between(-180, -160)]),
      ]);
      for (const [lat, lng] of points) {
        const truth = isInside(spelled[0], lat, lng < 0 ? lng + 360 : lng);
        for (const polygon of polygons) expect(contains(polygon, lat, lng), `${lat} ${lng}`).toBe(truth);
      }
      const [ring] = spelled[0][0];
      for (let j = 0; j < ring.length; j += 2) {
        const lng = ring[j + 1] > 180 ? Math.round((ring[j + 1] - 360) * 10) / 10 : ring[j + 1];
        for (const polygon of polygons) expect(contains(polygon, ring[j], lng), `vertex ${ring[j]} ${lng}`).toBe(true);
        if (Math.abs(lng) !== 180) continue;
        for (const polygon of polygons) expect(contains(polygon, ring[j], -lng)).toBe(true);
      }
    }
  });

  test('holds its upright edges, though a turn is not exact', () => {
    const random = seeded('upright edges');
    for (let i = 0; i < 3_000; i++) {
      // 180 … 350 in as many decimals as GPS has, and the same place as −180 … −10.
      const millionths = random.below(170_000_000);
      const [spelled, east] = [180_000_000 + millionths, -180_000_000 + millionths].map((it) => it / 1e6);
      const [beyond, before] = [[[boxRing(179, -1, spelled, 1)]], [[boxRing(-spelled, -1, -179, 1)]]];
      expect(held(beyond, [0, east], [1, east], [-1, east], [0.3, east]), `${spelled}`).toEqual([
        true,
        true,
        true,
        true,
      ]);
      expect(held(before, [0, -east], [1, -east], [-1, -east], [0.3, -east])).toEqual([true, true, true, true]);
      expect(held(beyond, [0, east + 1e-9])).toEqual([false]);
    }
  });

  test('may be told of a whole turn further', () => {
    expect(held([[boxRing(200, 0, 220, 10)]], [5, -150], [5, 150], [5, -140], [5, -139.9])).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(held([[boxRing(-360, 0, -350, 10)]], [5, 0], [5, 5], [5, 10], [5, 10.1])).toEqual([true, true, true, false]);
    expect(held([[boxRing(350, 0, 360, 10)]], [5, 0], [5, -5], [5, -10], [5, -10.1])).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

describe('a polygon at a pole', () => {
  test('holds it by any longitude when it reaches its latitude', () => {
    for (const lng of [-180, -97, 0, 5, 180]) {
      expect(held([[boxRing(0, 80, 10, 90)]], [90, lng], [-90, lng])).toEqual([true, false]);
      expect(held([[boxRing(0, -90, 10, 10)]], [90, lng], [-90, lng])).toEqual([false, true]);
      expect(held([[[80, 0, 80, 10, 90, 5, 80, 0]]], [90, lng])).toEqual([true]);
      expect(held([[boxRing(-180, 80, 180, 89.999)]], [90, lng])).toEqual([false]);
    }
  });

  test('surrounds it from −180 to 180', () => {
    const cap: Polygons = [[boxRing(-180, 80, 180, 90)]];
    expect(held(cap, [85, 180], [85, -180], [89.9999, 3], [79.9, 3])).toEqual([true, true, true, false]);
  });
});

describe('the side of a ball to polygons', () => {
  /** Polygons of one size with some holes, anywhere, also at poles and across the antimeridian. */
  function polygonsAround(random: Random, lat: number, lng: number, metres: number): Polygons {
    const [height, width] = degreesOf(metres, lat);
    return Array.from({ length: random.pick([1, 1, 2, 5]) }, (_, i) => {
      const at: [number, number] = [lat + i * height * random.between(-1, 1), lng + i * width * random.between(-1, 1)];
      const outer = star(random, random.pick([3, 5, 20, 200]), ...at, [height, width]);
      const hole = star(random, random.pick([3, 9]), ...at, [height * 0.3, width * 0.3]);
      return (random.below(2) === 0 ? [outer] : [outer, hole]).map((ring) =>
        ring.map((value, j) => Math.max(j % 2 === 0 ? -90 : -360, Math.min(j % 2 === 0 ? 90 : 360, value))),
      );
    });
  }

  test('is never wrong where it is inside or outside', () => {
    const random = seeded('side of a polygon');
    const decided = [0, 0, 0];
    for (let i = 0; i < 2_000; i++) {
      const [lat, lng] = place(random);
      const metres = 10 ** random.between(0, 7);
      const polygons = polygonsAround(random, lat, lng, metres);
      const polygon = new Polygon(polygons);
      for (let j = 0; j < 8; j++) {
        const bound = metres * 10 ** random.between(-2.5, 0.3);
        const way = Math.min(2e7, metres * random.between(0, 1.5));
        const centre = random.below(20) === 0 ? place(random) : goFrom(lat, lng, random.between(0, 360), way);
        const where = ball(random, ...centre, bound);
        decided[polygon.side(...where.centre, bound)]++;
        const wrong = contradiction(random, polygon, where, 4);
        expect(wrong, `${JSON.stringify(polygons)}, ball ${where.centre} ${bound}`).toBeUndefined();
      }
    }
    for (const side of [INSIDE, OUTSIDE, EDGE]) expect(decided[side]).toBeGreaterThan(1_000);
  });

  test('is never wrong beside a pole or a cut', () => {
    const random = seeded('side at the ends');
    const regions: Polygons[] = [
      [[boxRing(-180, 60, 180, 90)]],
      [[boxRing(-180, -90, 180, -70), boxRing(-170, -85, 170, -80)]],
      [[boxRing(-180, 60, 90, 90)], [boxRing(90, 70, 180, 90)]],
      [[boxRing(-180, 60, 90, 90)], [boxRing(95, 70, 180, 90)]],
      [[boxRing(160, 40, 180, 90)], [boxRing(-180, 30, -160, 80)]],
      [[boxRing(160, 40, 200, 90)]],
      [[[60, -180, 90, 0, 60, 180, 60, -180]]],
      [[[89.9, -180, 89.9, 0, 89.9, 180, 90, 180, 90, -180, 89.9, -180]]],
      [[boxRing(-180, -90, 180, 90)]],
      [[boxRing(-180, -90, 0, 90)], [boxRing(0, -90, 180, 90)]],
    ];
    const decided = [0, 0, 0];
    for (let i = 0; i < 8_000; i++) {
      const polygons = random.pick(regions);
      const polygon = new Polygon(polygons);
      const pole = random.pick([-1, 1]);
      const lat = pole * (random.below(2) === 0 ? 90 - 10 ** random.between(-6, 1.7) : random.between(25, 90));
      const lng =
        random.pick([-1, 1]) * (random.below(2) === 0 ? 180 - 10 ** random.between(-6, 1.5) : random.between(0, 180));
      const where = ball(random, lat, lng, 10 ** random.between(-1, 7));
      decided[polygon.side(...where.centre, where.bound)]++;
      const wrong = contradiction(random, polygon, where, 6);
      expect(wrong, `${JSON.stringify(polygons)}, ball ${where.centre} ${where.bound}`).toBeUndefined();
    }
    for (const side of [INSIDE, OUTSIDE, EDGE]) expect(decided[side]).toBeGreaterThan(500);
  });

  test('is inside or outside wherever the ball is clear of the edges by an eighth of its radius', () => {
    const random = seeded('certain side of a polygon');
    let certain = 0;
    for (let i = 0; i < 300; i++) {
      const lat = random.between(-70, 70);
      const metres = 10 ** random.between(2, 5.3);
      const [height, width] = degreesOf(metres, lat);
      const lng = random.between(-180, 180);
      const polygons = [[star(random, random.pick([3, 5, 20]), lat, lng, [height, width])]];
      const polygon = new Polygon(polygons);
      // The edges as points.
      const [ring] = polygons[0];
      const steps = 200;
      const points = new Float64Array(3 * steps * (ring.length / 2 - 1));
      for (let j = 0; j < points.length / 3; j++) {
        const from = 2 * Math.floor(j / steps);
        const along = (j % steps) / steps;
        const at = [0, 1].map((k) => ring[from + k] + along * (ring[from + 2 + k] - ring[from + k]));
        toEcef(at[0], at[1], points, 3 * j);
      }
      for (let k = 0; k < 20; k++) {
        const centre = goFrom(lat, lng, random.between(0, 360), metres * random.between(0, 1.5));
        const at = new Float64Array(3);
        toEcef(...centre, at, 0);
        let nearest = Number.POSITIVE_INFINITY;
        for (let j = 0; j < points.length; j += 3) {
          nearest = Math.min(nearest, Math.hypot(points[j] - at[0], points[j + 1] - at[1], points[j + 2] - at[2]));
        }
        if (nearest < metres / 50) continue;
        certain++;
        const side = polygon.side(at[0], at[1], at[2], nearest / 1.125);
        expect(side, `${JSON.stringify(ring)} ${centre} ${nearest}`).toBe(
          contains(polygon, ...centre) ? INSIDE : OUTSIDE,
        );
      }
    }
    expect(certain).toBeGreaterThan(3_000);
  });

  test('is inside though the antimeridian cuts the polygons there, or the pole is in it', () => {
    const at = new Float64Array(3);
    const sideAt = (polygons: Polygons, lat: number, lng: number, bound: number) => {
      toEcef(lat, lng, at, 0);
      return new Polygon(polygons).side(at[0], at[1], at[2], bound);
    };
    const cut = [[boxRing(170, -10, 180, 10)], [boxRing(-180, -10, -170, 10)]];
    for (const lng of [180, -180, 179.99, -179.99]) {
      expect(sideAt(cut, 0, lng, 100_000)).toBe(INSIDE);
      expect(sideAt(cut.slice(0, 1), 0, lng, 100_000)).toBe(EDGE);
      expect(sideAt(cut.slice(1), 0, lng, 100_000)).toBe(EDGE);
      expect(sideAt(cut, 10, lng, 100_000)).toBe(EDGE);
    }
    const cap = [[boxRing(-180, 60, 180, 90)]];
    expect(sideAt(cap, 90, 0, 1_000_000)).toBe(INSIDE);
    expect(sideAt(cap, 80, 180, 1_000_000)).toBe(INSIDE);
    expect(sideAt(cap, 60, 180, 1_000_000)).toBe(EDGE);
    expect(sideAt(cap, -90, 180, 1_000_000)).toBe(OUTSIDE);
    expect(sideAt([[boxRing(-180, -90, 180, 90)]], 12, 34, 2e7)).toBe(INSIDE);
  });
});

describe('the area of polygons', () => {
  const wgs84 = geographiclib.Geodesic.WGS84;

  /** In km², by geodesics between close points of the edges. */
  function areaByGeodesics(ring: Ring, step: number): number {
    const polygon = wgs84.Polygon(false);
    for (let i = 2; i < ring.length; i += 2) {
      const [lat1, lng1, lat2, lng2] = ring.slice(i - 2, i + 2);
      const steps = Math.ceil(Math.max(Math.abs(lat2 - lat1), Math.abs(lng2 - lng1)) / step);
      for (let j = 0; j < steps; j++) {
        polygon.AddPoint(lat1 + ((lat2 - lat1) * j) / steps, lng1 + ((lng2 - lng1) * j) / steps);
      }
    }
    return Math.abs((polygon.Compute(false, true) as { area: number }).area) / 1e6;
  }

  test('is right to 0.02 % at any place and size', () => {
    const random = seeded('area');
    for (let i = 0; i < 40; i++) {
      const lat = random.between(-85, 85);
      const height = Math.min(90 - Math.abs(lat), 10 ** random.between(-3, 1.5));
      const ring = star(random, random.pick([3, 4, 9]), lat, random.between(-180, 180), [height, height * 2]);
      const truth = areaByGeodesics(ring, height / 200);
      expect(Math.abs(areaOf([[ring]]) / truth - 1), JSON.stringify(ring)).toBeLessThan(2e-4);
    }
  });

  test('of the planet is 510,065,621.7 km²', () => {
    expect(areaOf([[boxRing(-180, -90, 180, 90)]]) / 510_065_621.724).toBeCloseTo(1, 4);
    expect(areaOf([[boxRing(-180, 0, 0, 90)]]) / (510_065_621.724 / 4)).toBeCloseTo(1, 4);
  });

  test('is less the holes, and the sum of the polygons, whichever way round their rings go', () => {
    const [outer, hole] = holed[0];
    const turned = (ring: Ring) => ring.map((_, i) => ring[ring.length - 2 - i + 2 * (i % 2)]);
    const area = areaOf([[outer]]) - areaOf([[hole]]);
    expect(areaOf(holed)).toBeCloseTo(area, 6);
    expect(areaOf([[turned(outer), hole]])).toBeCloseTo(area, 6);
    expect(areaOf([...holed, [square]])).toBeCloseTo(area + areaOf([[square]]), 6);
    expect(areaOf([[boxRing(170, 0, 190, 10)]])).toBeCloseTo(areaOf([[boxRing(-10, 0, 10, 10)]]), 6);
  });
});
