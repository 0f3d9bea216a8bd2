import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { afterEach, describe, expect, test } from 'vitest';
import { City, type CitySettings, MANHATTAN } from '../../src/sim/city.ts';
import { RoadNetwork } from '../../src/sim/road-network.ts';
import { streetStyle } from '../../src/sim/street-style.ts';
import type { Streets } from '../../src/sim/streets.ts';
import { type StyleServer, serveStyle } from '../../src/sim/style-server.ts';
import { Traffic } from '../../src/sim/traffic.ts';
import { fromLine } from './on-streets.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const replay = `replay with SEED=${seed}`;

type Ring = [lng: number, lat: number][];
interface Style {
  readonly sources: Record<string, { data: { features: { geometry: { type: string; coordinates: unknown } }[] } }>;
}

const geometries = (style: object, source: string) =>
  (style as Style).sources[source].data.features.map(({ geometry }) => geometry.coordinates);
const lines = (style: object) => ['streets', 'avenues'].flatMap((name) => geometries(style, name) as Ring[]);
const rings = (style: object, source: string) => (geometries(style, source) as Ring[][]).map(([ring]) => ring);

/** Even-odd, on degrees. */
function isInside(lng: number, lat: number, ring: Ring): boolean {
  let inside = false;
  for (let n = 1; n < ring.length; n++) {
    const [[x1, y1], [x2, y2]] = [ring[n - 1], ring[n]];
    if (y1 > lat !== y2 > lat && lng < x1 + ((lat - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
  }
  return inside;
}

const small: CitySettings = { lat: -17, lng: 179.999, bearing: 61, blockLength: 90, blockWidth: 140, radius: 700 };
const streets: Record<string, Streets> = {
  Manhattan: new City(MANHATTAN),
  'a city across the antimeridian': new City(small),
  'the roads of a file': new RoadNetwork([
    [
      [0, 0],
      [0.004, 0.001],
      [0.005, 0.006],
    ],
    [
      [0.004, 0.001],
      [0.009, -0.003],
    ],
  ]),
};

describe.each(Object.entries(streets))('the map of %s', (_, city) => {
  test.each(['light', 'dark'] as const)('is a valid style, %s, that loads nothing', (theme) => {
    const style = streetStyle(city, theme);
    expect(validateStyleMin(style as never)).toEqual([]);
    expect(JSON.stringify(style)).not.toMatch(/https?:|sprite|glyphs/);
  });

  test('has every driver on a street, none in a park or in the water', () => {
    const style = streetStyle(city, 'light');
    const segments = lines(style).flatMap((line) => line.slice(1).map((place, n) => [line[n], place]));
    const closed = [...rings(style, 'water'), ...rings(style, 'parks')];
    const traffic = new Traffic({ streets: city, drivers: 40, seed });
    for (let time = 30; time <= 600; time += 30) {
      traffic.advance(time);
      for (let n = 0; n < 40; n++) {
        traffic.move(n, time);
        const { lat, lng } = traffic.read(n);
        const least = segments.reduce(
          (metres, [a, b]) =>
            Math.min(metres, fromLine({ lat, lng }, { lng: a[0], lat: a[1] }, { lng: b[0], lat: b[1] })),
          Number.POSITIVE_INFINITY,
        );
        // Coordinates are rounded to a centimetre.
        expect(least, replay).toBeLessThan(0.03);
        for (const ring of closed)
          expect(isInside(lng, lat, ring) || isInside(lng + 360, lat, ring), replay).toBe(false);
      }
    }
  });
});

test('a city between waters has them on both sides, and some parks', () => {
  const style = streetStyle(streets.Manhattan, 'light');
  expect(rings(style, 'water')).toHaveLength(2);
  expect(rings(style, 'parks').length).toBeGreaterThan(10);
  // The Hudson and the East River, off 42nd Street.
  const wet = (lng: number, lat: number) => rings(style, 'water').map((ring) => isInside(lng, lat, ring));
  expect(wet(-74.007, 40.765)).toContain(true);
  expect(wet(-73.965, 40.746)).toContain(true);
  expect(wet(-73.984, 40.755)).toEqual([false, false]);
  expect(rings(streetStyle(streets['a city across the antimeridian'], 'light'), 'water')).toEqual([]);
});

describe('the server of the style', () => {
  let server: StyleServer | undefined;
  afterEach(() => server?.close());

  test('gives both themes to pages of any origin, and nothing else, until it is closed', async () => {
    server = await serveStyle(streets.Manhattan);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\{theme\}\.json$/);
    for (const theme of ['light', 'dark'] as const) {
      const answer = await fetch(server.url.replace('{theme}', theme));
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(await answer.json()).toEqual(streetStyle(streets.Manhattan, theme));
    }
    expect((await fetch(server.url.replace('{theme}', 'paper'))).status).toBe(404);
    expect((await fetch(server.url.replace('{theme}', 'dark'), { method: 'POST' })).status).toBe(405);
    const { url } = server;
    await server.close();
    server = undefined;
    await expect(fetch(url.replace('{theme}', 'dark'))).rejects.toThrow();
  });
});
