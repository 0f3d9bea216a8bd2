import { expect, test } from 'vitest';
import { formatArea, parseArea } from '../../src/web/dashboard/area-link.ts';
import { readLink, writeLink } from '../../src/web/session/link.ts';

const triangle = (...ring: number[][]) => ({ polygon: { type: 'Polygon', coordinates: [[...ring, ring[0]]] } });

test.each([
  ['circle:40.75,-73.98,1500', { latitude: 40.75, longitude: -73.98, radius: 1500 }],
  ['circle:-0.5,180,0', { latitude: -0.5, longitude: 180, radius: 0 }],
  ['polygon:40.7,-74;40.8,-74;40.8,-73.9', triangle([-74, 40.7], [-74, 40.8], [-73.9, 40.8])],
  // Over the antimeridian, as the API has it.
  ['polygon:-17,178;-16,182;-18,181', triangle([178, -17], [182, -16], [181, -18])],
])('%s says an area, in a link too', (text, area) => {
  expect(parseArea(text)).toEqual(area);
  const link = writeLink({ at: '1,2,3', area: formatArea(parseArea(text) as never) });
  const read = readLink(link).get('area');
  expect(read).toBe(text);
});

test.each([
  undefined,
  '',
  'circle',
  'circle:40.75,-73.98',
  'circle:40.75,-73.98,',
  'circle:40.75,-73.98,-1',
  'circle:40.75,-73.98,1,2',
  'circle:90.1,0,5',
  'circle:0,180.1,5',
  'circle:0,0,1e999',
  'square:0,0,5',
  'polygon:0,0;1,1',
  'polygon:0,0;1,1;2',
  'polygon:0,0;1,1;2,2,2',
  'polygon:0,0;1,1;91,2',
  'polygon:0,0;1,1;2,361',
  'polygon:0,0;;1,1;2,2',
  `polygon:${Array.from({ length: 201 }, (_, n) => `${n / 10},0`).join(';')}`,
  'polygon:<script>',
])('%s says none', (text) => {
  expect(parseArea(text)).toBeUndefined();
});
