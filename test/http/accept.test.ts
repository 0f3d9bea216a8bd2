import { expect, test } from 'vitest';
import { preferred } from '../../src/http/accept.ts';

const TYPES = ['application/geo+json', 'application/json', 'text/csv', 'application/gpx+xml'] as const;
const [GEOJSON, JSON_TYPE, CSV, GPX] = TYPES;

test.each<[string, string]>([
  ['*/*', GEOJSON],
  ['', GEOJSON],
  ['text/csv', CSV],
  ['TEXT/CSV ; charset=utf-8; Q=0.5', CSV],
  ['text/*', CSV],
  ['application/*', GEOJSON],
  // What browsers, and what clients for JSON ask for.
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', GEOJSON],
  ['application/json, text/plain, */*', JSON_TYPE],
  ['text/csv, */*', CSV],
  ['*/*, text/csv', CSV],
  ['text/csv;q=0.5, application/gpx+xml;q=0.6', GPX],
  ['text/csv;q=0.9, */*;q=1', GEOJSON],
  ['text/csv, application/gpx+xml', CSV],
  ['application/gpx+xml, text/csv', GPX],
  ['application/gpx+xml;q=1.0, text/csv;q=0.999', GPX],
  // The most specific counts of each, wherever it is, and 0 is never (RFC 9110, 12.4.2).
  ['application/*, application/geo+json;q=0', JSON_TYPE],
  ['text/csv;q=0', GEOJSON],
  ['*/*;q=0, text/csv;q=0.001', CSV],
  ['application/*;q=0, */*;q=0.1', CSV],
  // None of it can be had: as if nothing had been asked for.
  ['image/png', GEOJSON],
  ['image/png, text/csv;q=0', GEOJSON],
  ['application/vnd.google-earth.kml+xml', GEOJSON],
  // Rubbish names nothing.
  [',;,;=,/*,*', GEOJSON],
  ['csv, gpx', GEOJSON],
  ['text/csv;q=rubbish, application/gpx+xml;q=0.9', CSV],
])('[16.9] of what there is, "%s" prefers %s', (accept, type) => {
  expect(preferred(accept, TYPES)).toBe(type);
});

test('[16.9] who accepts everything but what is there gets the first that is not refused, if any', () => {
  expect(preferred('*/*, application/geo+json;q=0, application/json;q=0', TYPES)).toBe(CSV);
});

test('a header as long as can be sent holds nobody up', () => {
  const start = performance.now();
  for (const part of [',', ';', 'a/b,', ';q=', '*/*;q=0.', '"']) preferred(part.repeat(16_384 / part.length), TYPES);
  expect(performance.now() - start).toBeLessThan(500);
});
