import { describe, expect, test } from 'vitest';
import { distance } from '../../src/geo/distance.ts';
import { CITIES, cityNamed } from '../../src/sim/cities.ts';
import { City } from '../../src/sim/city.ts';
import { readDemoOptions } from '../../src/sim/demo-options.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { randomSpot } from '../../src/sim/streets.ts';

/** Crossings of streets as maps have them, with the direction that the first leads to the second. */
const CROSSINGS: [city: string, from: [number, number], to: [number, number]][] = [
  // 5th Avenue at 23rd and 59th Street
  ['New York', [40.7411, -73.9897], [40.7645, -73.973]],
  // Broad Street at City Hall and Girard Avenue
  ['Philadelphia', [39.9524, -75.1636], [39.9713, -75.1594]],
  // Elizabeth Street at Flinders and La Trobe Street
  ['Melbourne', [-37.8178, 144.965], [-37.8101, 144.9614]],
  // Yonge Street at Queen and Bloor Street
  ['Toronto', [43.6525, -79.3792], [43.6709, -79.3857]],
  // Western Avenue at Madison Street and North Avenue
  ['Chicago', [41.8812, -87.6867], [41.9103, -87.6874]],
];

describe('cities', () => {
  test.each(Object.entries(CITIES))(
    'all of %s can be reached from all of it, by ways that are no detours',
    (_, settings) => {
      const city = new City(settings);
      const random = seededRandom(1);
      for (let n = 0; n < 300; n++) {
        const street = randomSpot(city, random).street;
        const target = randomSpot(city, random).street;
        const route = city.route(street, target, random).reverse();
        expect(route.at(-1)).toBe(target);
        for (const [k, next] of route.entries()) expect(city.from(next)).toBe(city.to(k === 0 ? street : route[k - 1]));
        const [rows, columns] = [2 * city.rows, 2 * city.columns];
        expect(route.length).toBeLessThanOrEqual(rows + columns + 6);
        // Nobody turns round on the way; where it ends there may be no other.
        expect(route.slice(0, -1).filter((next, k) => next === city.back(k === 0 ? street : route[k - 1]))).toEqual([]);
      }
    },
  );

  test.each(CROSSINGS)('%s is turned as its streets are', (name, [lat, lng], [lat2, lng2]) => {
    const north = (lat2 - lat) * 111_200;
    const east = (lng2 - lng) * 111_300 * Math.cos((lat * Math.PI) / 180);
    const bearing = (Math.atan2(east, north) * 180) / Math.PI;
    expect(distance(lat, lng, lat2, lng2)).toBeGreaterThan(500);
    expect(Math.abs(bearing - CITIES[name].bearing)).toBeLessThan(2.5);
  });

  test('are found by their names, written as people do', () => {
    for (const name of Object.keys(CITIES)) expect(cityNamed(name)).toBe(CITIES[name]);
    for (const name of ['new york', 'NEWYORK', ' new-york ', 'york']) {
      expect(cityNamed(name)).toBe(CITIES['New York']);
    }
    expect(cityNamed('Bárcelona')).toBe(CITIES.Barcelona);
    expect(cityNamed('buenos')).toBe(CITIES['Buenos Aires']);
    for (const name of ['', '  ', 'Atlantis', 'o']) expect(cityNamed(name)).toBeUndefined();
  });
});

describe('the options of the demo', () => {
  test('say where the city is and how it is laid out', async () => {
    const settings = async (...argv: string[]) => ((await readDemoOptions(argv)).streets as City).settings;
    expect(await settings()).toMatchObject(CITIES['New York']);
    expect(await settings('--city', 'barcelona')).toMatchObject(CITIES.Barcelona);
    expect(await settings('--city', 'barcelona', '--bearing', '12', '--radius', '900')).toMatchObject({
      lat: CITIES.Barcelona.lat,
      bearing: 12,
      radius: 900,
      blockLength: 133,
    });
    expect(await settings('--city', '-33.9,151.2', '--width', '800')).toMatchObject({
      lat: -33.9,
      lng: 151.2,
      width: 800,
    });
    expect((await settings('--city', '1,2')).width).toBeUndefined();
    expect((await settings('--width', '0')).width).toBeUndefined();
  });

  test.each([
    [['--city', 'Atlantis'], '--city must be latitude,longitude or one of New York, Barcelona'],
    [['--city', '91,0'], '--city must be latitude,longitude'],
    [['--center', '1,2'], '--center'],
    [['--map', 'paper'], '--map must be one of auto, street, web'],
    [['--silent', '0.9'], '--silent must be'],
    [['--past', '-1'], '--past'],
    [['--radius', '100'], 'the radius of the city must be 540'],
    [['--radius', '50000', '--block-length', '10', '--block-width', '10', '--width', '0'], 'a million crossings'],
    [['--data-dir', ''], '--data-dir must name a directory'],
    [['--roads', '/nowhere.geojson'], '--roads /nowhere.geojson: there is no such file'],
    [['--roads', 'x', '--city', 'York'], 'it goes without --city'],
    [['--roads', 'x', '--bearing', '3'], 'it goes without --bearing'],
  ])('%j are refused', async (argv, message) => {
    await expect(readDemoOptions(argv)).rejects.toThrow(message);
  });
});
