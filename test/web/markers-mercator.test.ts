import { expect, test } from 'vitest';
import { MarkersCamera } from '../../src/web/map/markers-camera.ts';
import { ahead, glideAfter, turnBetween } from '../../src/web/map/markers-glide.ts';
import { eastOf, eastward, latOf, lngOf, southOf, WORLD } from '../../src/web/map/markers-mercator.ts';
import { seeded } from '../support/random.ts';

/** Web Mercator as EPSG:3857 has it: metres east and north on a sphere of 6,378,137 m. */
function metres(lat: number, lng: number): [number, number] {
  const phi = (lat * Math.PI) / 180;
  return [(6_378_137 * lng * Math.PI) / 180, 6_378_137 * Math.asinh(Math.tan(phi))];
}

const AROUND = 2 * Math.PI * 6_378_137;

test('places are within 5 mm of where Web Mercator has them, and are had back as degrees', () => {
  const random = seeded('mercator');
  for (let i = 0; i < 5000; i++) {
    const lat = random.between(-85.05, 85.05);
    const lng = random.between(-180, 180);
    const [x, y] = metres(lat, lng);
    const dx = (eastOf(lng) / WORLD - 0.5) * AROUND - x;
    expect(Math.abs(dx - Math.round(dx / AROUND) * AROUND)).toBeLessThan(0.005);
    expect(Math.abs((0.5 - southOf(lat) / WORLD) * AROUND - y)).toBeLessThan(0.005);
    expect(latOf(southOf(lat))).toBeCloseTo(lat, 6);
    expect(lngOf(eastOf(lng))).toBeCloseTo(lng, 6);
  }
});

test('the ends of the world stay in it', () => {
  expect(eastOf(180)).toBe(eastOf(-180));
  expect(eastOf(190)).toBe(eastOf(-170));
  for (const lat of [90, -90, 85.06, -85.06]) {
    expect(southOf(lat)).toBeGreaterThanOrEqual(0);
    expect(southOf(lat)).toBeLessThan(WORLD);
  }
  expect(southOf(90)).toBeLessThan(southOf(85));
  expect(southOf(-90)).toBeGreaterThan(southOf(-85));
});

test('what is east of the antimeridian is a little way off what is west of it', () => {
  expect(eastward(eastOf(-179.9), eastOf(179.9)) / WORLD).toBeCloseTo(0.2 / 360, 8);
  expect(eastward(eastOf(179.9), eastOf(-179.9)) / WORLD).toBeCloseTo(-0.2 / 360, 8);
  expect(eastward(eastOf(100), eastOf(-100)) / WORLD).toBeCloseTo(-160 / 360, 8);
});

test.each([
  ['Manhattan', 40.7549, -73.984],
  ['west of the antimeridian', -17, 179.9997],
  ['east of it', 65.6, -179.9997],
  ['a copy of the world', -17, 180.0003],
])('at zoom 20 what is near the middle of the map is within a quarter of a pixel: %s', (name, lat, lng) => {
  const random = seeded(`camera, ${name}`);
  const [width, height] = [1440, 900];
  const worldSize = 512 * 2 ** 20;
  const pixel = AROUND / worldSize;
  const camera = new MarkersCamera();
  const [x, y] = metres(lat, lng);
  const [centreX, centreY] = [x / pixel + worldSize / 2, worldSize / 2 - y / pixel];
  // Straight down, without perspective.
  const matrix = [2 / width, 0, 0, 0, 0, -2 / height, 0, 0, 0, 0, 1, 0];
  matrix.push((-2 * centreX) / width, (2 * centreY) / height, 0, 1);
  camera.look(matrix, centreX / worldSize, centreY / worldSize, worldSize, width, height);
  for (let i = 0; i < 1000; i++) {
    const [dLat, dLng] = [random.between(-0.0004, 0.0004), random.between(-0.0009, 0.0009)];
    const wrapped = lng + dLng > 180 ? lng + dLng - 360 : lng + dLng < -180 ? lng + dLng + 360 : lng + dLng;
    const [px, py] = metres(lat + dLat, lng + dLng);
    const distance = camera.squaredDistance(
      eastOf(wrapped),
      southOf(lat + dLat),
      width / 2 + (px - x) / pixel,
      height / 2 - (py - y) / pixel,
    );
    expect(Math.sqrt(distance)).toBeLessThan(0.25);
  }
});

test('a glide takes about the time between two fixes, within bounds, and none when time goes back', () => {
  expect(glideAfter(1000)).toBe(1100);
  expect(glideAfter(0)).toBe(100);
  expect(glideAfter(60_000)).toBe(3000);
  expect(glideAfter(-1)).toBe(0);
});

test('a glide is all ahead when it begins, over when it ends, and over when the clock is wound back', () => {
  expect([-1, 0, 250, 500, 999, 1000, 5000].map((age) => ahead(age, 1000))).toEqual([
    1,
    1,
    0.75,
    0.5,
    expect.closeTo(0.001),
    0,
    0,
  ]);
  expect(ahead(-1001, 1000)).toBe(0);
  expect(ahead(0, 0)).toBe(0);
  expect(ahead(-1, 0)).toBe(0);
});

test('a turn takes the shorter way', () => {
  const random = seeded('turns');
  for (let i = 0; i < 2000; i++) {
    const [from, to] = [random.between(0, 360), random.between(0, 360)];
    const turn = turnBetween(from, to);
    expect(Math.abs(turn)).toBeLessThanOrEqual(180);
    const ends = ((from + turn - to) * Math.PI) / 180;
    expect(Math.cos(ends)).toBeCloseTo(1, 9);
  }
});
