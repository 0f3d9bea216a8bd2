import type { StyleSpecification } from 'maplibre-gl';
import { expect, test } from 'vitest';
import { asStyle } from '../../src/web/map/map-style.ts';
import { textFontOf } from '../../src/web/map/text-font.ts';

const BASE = 'https://maps.example/styles/calm.json?key=1';
const EMPTY = { version: 8, sources: {}, layers: [] };

test('what is no style of version 8 is refused', () => {
  for (const json of [null, 1, 'style', [], {}, { ...EMPTY, version: 7 }, { version: 8 }, { ...EMPTY, layers: {} }])
    expect(() => asStyle(json, BASE), JSON.stringify(json)).toThrow(/not a MapLibre style/);
  expect(asStyle(EMPTY, BASE)).toEqual(EMPTY);
});

test('relative addresses start from the style, and their braces stay', () => {
  const style = asStyle(
    {
      ...EMPTY,
      glyphs: '../fonts/{fontstack}/{range}.pbf',
      sprite: 'sprites/day',
      sources: {
        a: { type: 'vector', url: '/tiles.json' },
        b: { type: 'raster', tiles: ['{z}/{x}/{y}.png', 'https://b.example/{z}.png'] },
        c: { type: 'geojson', data: 'roads.json' },
        d: { type: 'geojson', data: { type: 'FeatureCollection', features: [] } },
      },
    },
    BASE,
  );
  expect(style.glyphs).toBe('https://maps.example/fonts/{fontstack}/{range}.pbf');
  expect(style.sprite).toBe('https://maps.example/styles/sprites/day');
  expect(style.sources).toEqual({
    a: { type: 'vector', url: 'https://maps.example/tiles.json' },
    b: { type: 'raster', tiles: ['https://maps.example/styles/{z}/{x}/{y}.png', 'https://b.example/{z}.png'] },
    c: { type: 'geojson', data: 'https://maps.example/styles/roads.json' },
    d: { type: 'geojson', data: { type: 'FeatureCollection', features: [] } },
  });
});

test('a style neither moves, turns nor bends the map', () => {
  const moved = { center: [1, 2], zoom: 3, bearing: 4, pitch: 5, roll: 6, projection: { type: 'globe' }, terrain: {} };
  expect(asStyle({ ...EMPTY, ...moved, sky: {} }, BASE)).toEqual(EMPTY);
});

test('texts are drawn with the font that most layers of the style name', () => {
  const symbol = (font: unknown) => ({ id: '', type: 'symbol', source: 's', layout: { 'text-font': font } });
  const fontOf = (glyphs: string | undefined, ...fonts: unknown[]) =>
    textFontOf({ ...EMPTY, glyphs, layers: fonts.map(symbol) } as unknown as StyleSpecification);
  const url = 'https://maps.example/{fontstack}/{range}.pbf';
  expect(fontOf(url, ['A Regular'], ['B Bold', 'C'], ['B Bold', 'C'])).toEqual(['B Bold', 'C']);
  expect(fontOf(url, ['step', ['zoom'], ['literal', ['A Regular']], 8, ['literal', ['B Bold']]])).toEqual([
    'A Regular',
  ]);
  expect(
    fontOf(url, {
      stops: [
        [6, ['A Regular']],
        [9, ['B Bold']],
      ],
    }),
  ).toEqual(['A Regular']);
  expect(fontOf(url, undefined)).toEqual(['Noto Sans Regular']);
  expect(fontOf(undefined, ['A Regular'])).toEqual(['system-ui', 'sans-serif']);
});
