import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Position } from '../../src/fix.ts';
import type { Track } from '../../src/protocol/track.ts';
import { encodeTrackCsv } from '../../src/protocol/track-csv.ts';
import { encodeTrackGeoJson } from '../../src/protocol/track-geojson.ts';
import { encodeTrackGpx, escapeXml, toDecimal } from '../../src/protocol/track-gpx.ts';
import { parseCsv, parseXml } from './formats.ts';

const T0 = 1_763_766_000_000;
/** What the wire can bring; −0 is the one number that is not told from another. */
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const positive = finite.map(Math.abs);
const text = fc.string({ unit: 'binary' });
const position: fc.Arbitrary<Position> = fc
  .record(
    {
      driverId: fc.constant('d'),
      lat: fc.double({ min: -90, max: 90, noNaN: true }).map((value) => value + 0),
      lng: fc.double({ min: -180, max: 180, noNaN: true }).map((value) => value + 0),
      timestamp: fc.integer({ min: 0, max: 4_102_444_800_000 }),
      receivedAt: fc.integer({ min: 0, max: 4_102_444_800_000 }),
      altitude: finite,
      accuracy: positive,
      heading: fc.double({ min: 0, max: 360, noNaN: true }),
      speed: positive,
      attributes: fc.dictionary(
        text.filter((key) => key !== '' && key !== '__proto__'),
        fc.oneof(text, finite, fc.boolean(), fc.constantFrom('=1+1', 'x;=1+1', '";=cmd|\' /C calc\'!A1;"', ',\r\n=1')),
        { minKeys: 1, maxKeys: 16, noNullPrototype: true },
      ),
    },
    { requiredKeys: ['driverId', 'lat', 'lng', 'timestamp', 'receivedAt'] },
  )
  .map((fix) => fix as Position);
const track: fc.Arbitrary<Track> = fc.record({
  driverId: text,
  fixes: fc.array(position, { maxLength: 20 }),
  serverTime: fc.constant(T0),
});
const asNumber = (field: string) => (field === '' ? undefined : Number(field));

test('[16.5] CSV has every fix, bit for bit, and nothing that a spreadsheet would take for a formula', () => {
  fc.assert(
    fc.property(track, (asked) => {
      const csv = encodeTrackCsv(asked);
      const [header, ...lines] = parseCsv(csv);
      expect(header).toEqual(
        'timestamp,time,latitude,longitude,altitude,accuracy,heading,speed,receivedAt,attributes'.split(','),
      );
      const fixes = lines.map((line) => {
        expect(line.length).toBe(header.length);
        const [timestamp, time, lat, lng, altitude, accuracy, heading, speed, receivedAt, attributes] = line;
        expect(Date.parse(time)).toBe(Number(timestamp));
        return {
          driverId: 'd',
          lat: Number(lat),
          lng: Number(lng),
          timestamp: Number(timestamp),
          receivedAt: Number(receivedAt),
          altitude: asNumber(altitude),
          accuracy: asNumber(accuracy),
          heading: asNumber(heading),
          speed: asNumber(speed),
          attributes: attributes === '' ? undefined : JSON.parse(attributes),
        };
      });
      expect(fixes).toEqual(asked.fixes);
      const isFormula = (field: string) =>
        /^[=+@]/.test(field) || (field.startsWith('-') && Number.isNaN(Number(field)));
      expect(lines.flat().filter(isFormula)).toEqual([]);
      // Where semicolons or tabs separate fields, quotes inside of one quote nothing: none but the first of a line begins.
      const cells = csv.split(/[;\t\r\n]+/).filter((cell) => !/^(timestamp,|\d+,)/.test(cell));
      expect(cells).toEqual(['']);
    }),
    { numRuns: 300 },
  );
});

test('[16.6] GPX is what its schema says, whatever the name, and has every fix', () => {
  fc.assert(
    fc.property(track, (asked) => {
      const root = parseXml(encodeTrackGpx(asked));
      expect([root.name, root.namespace]).toEqual(['gpx', 'http://www.topografix.com/GPX/1/1']);
      expect(root.attributes).toMatchObject({ version: '1.1', creator: 'Nearcast' });
      const [trk, ...noMore] = root.children;
      expect([trk.name, noMore]).toEqual(['trk', []]);
      // The schema has a sequence: the name comes first.
      expect(trk.children.map(({ name }) => name)).toEqual(['name', 'trkseg']);
      const points = trk.children[1].children.map(({ name, attributes, children }) => {
        expect(name).toBe('trkpt');
        const names = children.map((child) => child.name);
        expect(['ele,time', 'time']).toContain(names.join());
        const [lat, lon] = [attributes.lat, attributes.lon];
        // xsd:decimal, and the schema's bounds.
        for (const decimal of [lat, lon, ...(names[0] === 'ele' ? [children[0].text] : [])]) {
          expect(decimal).toMatch(/^-?\d+(\.\d+)?$/);
        }
        expect(Math.abs(Number(lat))).toBeLessThanOrEqual(90);
        expect(Number(lon)).toBeGreaterThanOrEqual(-180);
        expect(Number(lon)).toBeLessThan(180);
        const time = children.at(-1)?.text as string;
        expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        return [Number(lat), Number(lon), names[0] === 'ele' ? Number(children[0].text) : undefined, Date.parse(time)];
      });
      expect(points).toEqual(
        asked.fixes.map(({ lat, lng, altitude, timestamp }) => [lat, lng === 180 ? -180 : lng, altitude, timestamp]),
      );
    }),
    { numRuns: 300 },
  );
  expect(encodeTrackGpx({ driverId: 'd', fixes: [fixAt(0, 180)], serverTime: 0 })).toContain('lat="0" lon="-180"');
});

test('[16.6] a name in GPX comes back as it was, but for what no XML can hold', () => {
  const nameOf = (driverId: string) =>
    parseXml(encodeTrackGpx({ driverId, fixes: [], serverTime: 0 })).children[0].children[0].text;
  const fine = ['Zoë & <Söhne> "1" \'2\'', ']]>', '運転手 🚕', '<!-- -->', '&amp;', '<![CDATA[x]]>', 'a\tb'];
  for (const name of fine) expect(nameOf(name)).toBe(name);
  expect(nameOf('a\0b\u0001c\u001fd\ufffee\uffff\ud800f')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd\ufffdf');
  const attribute = parseXml(`<a b="${escapeXml('"\'<&>')}"/>`).attributes.b;
  expect(attribute).toBe('"\'<&>');
});

test('a decimal has the digits of the number, and no exponent', () => {
  fc.assert(
    fc.property(finite, (value) => {
      expect(toDecimal(value)).toMatch(/^-?\d+(\.\d+)?$/);
      expect(Number(toDecimal(value))).toBe(value);
    }),
    { numRuns: 2_000 },
  );
  expect([1e21, -1.5e22, 1e-7, -1.25e-9, 5e-324].map((it) => toDecimal(it).slice(0, 26))).toEqual([
    '1000000000000000000000',
    '-15000000000000000000000',
    '0.0000001',
    '-0.00000000125',
    '0.000000000000000000000000',
  ]);
});

test('[16.4] GeoJSON has every fix, in lists of the same order', () => {
  fc.assert(
    fc.property(track, (asked) => {
      const feature = JSON.parse(encodeTrackGeoJson(asked));
      const { geometry, properties } = feature;
      expect([feature.type, feature.id, properties.driverId]).toEqual(['Feature', asked.driverId, asked.driverId]);
      const n = asked.fixes.length;
      if (n > 1) expect(geometry.type).toBe('LineString');
      const coordinates = n === 0 ? [] : n === 1 ? [geometry.coordinates] : geometry.coordinates;
      if (n === 0) expect(geometry).toBeNull();
      expect(new Set(coordinates.map((it: number[]) => it.length)).size).toBeLessThan(2);
      let attributes: unknown;
      const fixes = coordinates.map(([lng, lat, high]: number[], i: number) => {
        const change = properties.attributes?.find(({ index }: { index: number }) => index === i)?.attributes;
        if (change !== undefined) attributes = Object.keys(change).length === 0 ? undefined : change;
        return {
          driverId: 'd',
          lat,
          lng,
          timestamp: properties.timestamps[i],
          receivedAt: properties.receivedAt[i],
          altitude: high ?? properties.altitude?.[i] ?? undefined,
          accuracy: properties.accuracy?.[i] ?? undefined,
          heading: properties.heading?.[i] ?? undefined,
          speed: properties.speed?.[i] ?? undefined,
          attributes,
        };
      });
      expect(fixes).toEqual(asked.fixes);
    }),
    { numRuns: 300 },
  );
});

test('[16.4] what is the same from fix to fix, or known of none, is told once or not at all', () => {
  const status = (value: string) => ({ status: value });
  const fixes = [
    fixAt(0, 0),
    fixAt(0, 1, { attributes: status('free'), speed: 3 }),
    fixAt(0, 2, { attributes: status('free') }),
    fixAt(0, 3, { attributes: status('busy') }),
    fixAt(0, 4),
  ];
  const { geometry, properties } = JSON.parse(encodeTrackGeoJson({ driverId: 'd', fixes, serverTime: 7, next: '/x' }));
  expect(geometry.coordinates[4]).toEqual([4, 0]);
  expect(properties).toEqual({
    driverId: 'd',
    timestamps: Array(5).fill(T0),
    receivedAt: Array(5).fill(T0),
    speed: [null, 3, null, null, null],
    attributes: [
      { index: 1, attributes: status('free') },
      { index: 3, attributes: status('busy') },
      { index: 4, attributes: {} },
    ],
    serverTime: 7,
    truncated: true,
    next: '/x',
  });
});

function fixAt(lat: number, lng: number, changes: Partial<Position> = {}): Position {
  return { driverId: 'd', lat, lng, timestamp: T0, receivedAt: T0, ...changes };
}
