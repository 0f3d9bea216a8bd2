import { readFileSync } from 'node:fs';
import type { MultiPolygon, Point, Position } from 'geojson';
import { expect, test } from 'vitest';
import { outlinesOf } from '../../src/web/map/outlines.ts';

const file = new URL('../../node_modules/world-atlas/countries-50m.json', import.meta.url);
const { features } = outlinesOf(JSON.parse(readFileSync(file, 'utf8')));
const land = features.find(({ properties }) => properties?.kind === 'land')?.geometry as MultiPolygon;
const names = features.filter(({ properties }) => properties?.kind === 'name');

/** By the winding number, as even and odd is how the source counts. */
function isInside(rings: readonly Position[][], lng: number, lat: number): boolean {
  let winding = 0;
  for (const ring of rings) {
    for (let i = 1; i < ring.length; i++) {
      const [x, y] = ring[i];
      const [fromX, fromY] = ring[i - 1];
      const side = (x - fromX) * (lat - fromY) - (lng - fromX) * (y - fromY);
      if (fromY <= lat && y > lat && side > 0) winding++;
      if (fromY > lat && y <= lat && side < 0) winding--;
    }
  }
  return winding !== 0;
}

/** Drawn is what is there in any copy of the world. */
function isLand(lng: number, lat: number): boolean {
  return [0, -360, 360].some((turn) => land.coordinates.some((rings) => isInside(rings, lng + turn, lat)));
}

test('land is where there is land, on both sides of the antimeridian and around the pole', () => {
  const places: Record<string, [lng: number, lat: number]> = {
    Madrid: [-3.7, 40.4],
    Moscow: [37.6, 55.75],
    'Chukotka, east of 180°': [-175, 67],
    'Chukotka, west of it': [177, 67],
    Omaha: [-96, 41.3],
    'Alice Springs': [133.9, -23.7],
    'South Pole station': [40, -88],
    'Ross Island': [-120, -80],
    'Vanua Levu, Fiji': [179.3, -16.6],
  };
  for (const [name, [lng, lat]] of Object.entries(places)) expect(isLand(lng, lat), name).toBe(true);
});

test('sea is where there is sea', () => {
  const places: Record<string, [lng: number, lat: number]> = {
    Atlantic: [-40, 30],
    'north of Siberia': [150, 77.5],
    'Atlantic as far north as Chukotka': [-20, 60],
    'Canada beside Wrangel Island, at sea': [-140, 71.2],
    'Fiji, on its parallel': [100, -16.5],
    'Caspian Sea': [51, 41.5],
    'Southern Ocean': [100, -60],
    'Arctic Ocean': [0, 88],
  };
  for (const [name, [lng, lat]] of Object.entries(places)) expect(isLand(lng, lat), name).toBe(false);
});

test('no side of a polygon leaps over half the world, but for the map’s lower end', () => {
  let leaps = 0;
  for (const ring of land.coordinates.flat()) {
    expect(ring.at(-1)).toEqual(ring[0]);
    for (let i = 1; i < ring.length; i++) {
      if (Math.abs(ring[i][0] - ring[i - 1][0]) <= 180) continue;
      expect([ring[i][1], ring[i - 1][1]]).toEqual([-90, -90]);
      leaps++;
    }
  }
  expect(leaps).toBe(1);
});

test('a country’s name is on land, and the large ones’ come first', () => {
  expect(names.length).toBeGreaterThan(200);
  for (const { geometry, properties } of names) {
    const [lng, lat] = (geometry as Point).coordinates;
    expect(isLand(lng, lat), properties?.name).toBe(true);
  }
  const from = (name: string) => names.find(({ properties }) => properties?.name === name)?.properties?.from;
  expect(from('Russia')).toBeLessThan(1);
  expect(from('France')).toBeGreaterThan(from('Brazil'));
  expect(from('Vatican')).toBeGreaterThan(7.5);
});
