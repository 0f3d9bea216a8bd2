import { afterAll, beforeAll, expect, test } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { Polygon } from '../../src/geo/polygon.ts';
import { Truth } from '../store/truth.ts';
import { findPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type Random, seeded } from '../support/random.ts';
import { describeWith } from '../support/services.ts';
import { contains, type Polygons, place, type Ring, star } from './shapes.ts';

const wellKnown = (ring: Ring) =>
  `(${ring.flatMap((lat, i) => (i % 2 === 0 ? [`${ring[i + 1]} ${lat}`] : [])).join(',')})`;

/** Disjoint stars on a grid with a hole each, an island in it, and lakes beside each other: valid for PostGIS. */
function islands(random: Random, snap: number): Polygons {
  const [lat0, lng0] = [random.below(100) - 50, random.below(200) - 100];
  const onGrid = (ring: Ring) => (snap === 0 ? ring : ring.map((value) => Math.round(value / snap) * snap));
  return Array.from({ length: random.pick([1, 3, 6]) }, (_, i) => {
    const at: [number, number] = [lat0 + 10 * Math.floor(i / 3), lng0 + 10 * (i % 3)];
    const of = (vertices: number, size: number) => onGrid(star(random, vertices, ...at, [size, size], 0.55));
    const polygon = [of(random.pick(snap === 0 ? [3, 20, 300] : [5, 12, 20]), 5)];
    if (random.below(3) > 0) polygon.push(of(random.pick([5, 12]), 2.5));
    return polygon[1] !== undefined && random.below(2) === 0 ? [polygon, [of(8, 1)]] : [polygon];
  }).flat();
}

describeWith('PostgreSQL with PostGIS', findPostgres(), 'PostGIS agrees', (bin) => {
  let postgres: TestPostgres;
  let truth: Truth;
  beforeAll(async () => {
    postgres = await startPostgres(bin);
    truth = await Truth.connect({ connectionString: postgres.url });
    await truth.sql('CREATE EXTENSION postgis');
  }, 60_000);
  afterAll(async () => {
    await truth?.close();
    await postgres?.stop();
  }, 30_000);

  test('on what polygons with holes cover, points on edges and vertices included', async () => {
    const random = seeded('PostGIS and polygons');
    let compared = 0;
    let edges = 0;
    while (compared < 5_500) {
      // On a grid of quarters, many a point is on an edge, exactly.
      const snap = random.pick([0, 0.25]);
      const polygons = islands(random, snap);
      const vertices = polygons.flat(2);
      const points = Array.from({ length: 80 }, (): [number, number] => {
        const vertex = 2 * random.below(vertices.length / 2 - 1);
        const [lat, lng, nextLat, nextLng] = vertices.slice(vertex, vertex + 4);
        if (snap === 0) return [lat + random.between(-2, 2), lng + random.between(-2, 2)];
        // The middle of an edge, but where a ring ends.
        if (random.below(3) === 0) return [(lat + nextLat) / 2, (lng + nextLng) / 2];
        const step = () => random.pick([0, 0, 1, -1, 2, -3]) * random.pick([0.125, 0.25, 1]);
        return [lat + step(), lng + step()];
      });
      const [answer] = await truth.sql(
        `SELECT ST_IsValid(area) AS valid,
          (SELECT array_agg(ST_Covers(area, ST_MakePoint(x, y)) ORDER BY n)
            FROM unnest($2::float8[], $3::float8[]) WITH ORDINALITY AS point(y, x, n)) AS covered,
          (SELECT count(*)::int FROM unnest($2::float8[], $3::float8[]) AS point(y, x)
            WHERE ST_Intersects(ST_Boundary(area), ST_MakePoint(x, y))) AS edges
        FROM (SELECT ST_GeomFromText($1) AS area) AS areas`,
        [
          `MULTIPOLYGON(${polygons.map((rings) => `(${rings.map(wellKnown).join(',')})`).join(',')})`,
          points.map(([lat]) => lat),
          points.map(([, lng]) => lng),
        ],
      );
      // The grid may have made edges touch.
      if (answer.valid !== true) continue;
      compared += points.length;
      edges += answer.edges as number;
      const polygon = new Polygon(polygons);
      for (const [j, [lat, lng]] of points.entries()) {
        const covered = (answer.covered as boolean[])[j];
        expect(contains(polygon, lat, lng), `${JSON.stringify(polygons)}: ${lat} ${lng}`).toBe(covered);
      }
    }
    console.log(`compared with PostGIS: ${compared} points, ${edges} of them on edges`);
    expect(compared).toBeGreaterThan(5_000);
    expect(edges).toBeGreaterThan(500);
  });

  test('on what boxes cover, as two envelopes across the antimeridian', async () => {
    const random = seeded('PostGIS and boxes');
    const rows = Array.from({ length: 6_000 }, () => {
      const [lat1, west] = random.below(2) === 0 ? place(random) : [random.below(179) - 89, random.below(361) - 180];
      const [lat2, east] = random.below(2) === 0 ? place(random) : [random.below(179) - 89, random.below(361) - 180];
      const [south, north] = [Math.min(lat1, lat2), Math.max(lat1, lat2)];
      const lat = random.pick([south, north, random.between(south - 1, north + 1), random.between(-89, 89)]);
      // ±180 has two names, of which PostGIS knows nothing.
      const lng = random.pick([west, east, random.between(-180, 180), random.below(359) - 179]);
      return { west, south, east, north, lat: Math.max(-89.99, Math.min(89.99, lat)), lng };
    }).filter(({ lng }) => Math.abs(lng) !== 180);
    const columns = (['west', 'south', 'east', 'north', 'lat', 'lng'] as const).map((key) => rows.map((it) => it[key]));
    const answers = await truth.sql(
      `SELECT CASE WHEN west <= east THEN ST_Covers(ST_MakeEnvelope(west, south, east, north), ST_MakePoint(lng, lat))
        ELSE ST_Covers(ST_MakeEnvelope(west, south, 180, north), ST_MakePoint(lng, lat))
          OR ST_Covers(ST_MakeEnvelope(-180, south, east, north), ST_MakePoint(lng, lat)) END AS covered
      FROM unnest($1::float8[], $2::float8[], $3::float8[], $4::float8[], $5::float8[], $6::float8[]) WITH ORDINALITY
        AS row(west, south, east, north, lat, lng, n) ORDER BY n`,
      columns,
    );
    let inside = 0;
    let compared = 0;
    for (const [i, { west, south, east, north, lat, lng }] of rows.entries()) {
      // Of an envelope without width or height PostGIS makes no area.
      if (south === north || west === east || Math.abs(west) === 180 || Math.abs(east) === 180) continue;
      compared++;
      if (answers[i].covered === true) inside++;
      const held = contains(new Box(west, south, east, north), lat, lng);
      expect(held, `${[west, south, east, north]}: ${lat} ${lng}`).toBe(answers[i].covered);
    }
    console.log(`compared with PostGIS: ${compared} boxes, ${inside} of which hold the point`);
    expect(compared).toBeGreaterThan(5_000);
    expect(inside).toBeGreaterThan(1_000);
  });
});
