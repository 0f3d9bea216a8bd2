import { expect, test } from 'vitest';
import { startServer, token } from '../support/server.ts';
import { type Faults, faultsOf } from './pages.ts';

const wholeCircle = 'is required: a circle is latitude, longitude and radius';
const fourNumbers = 'must be four numbers: west,south,east,north';
const latitudes = 'must have its latitudes, the second and fourth number, between -90 and 90';
const longitudes = 'must have its longitudes, the first and third number, between -180 and 180';
const limitRule = 'must be a whole number from 1';

const CASES: [string, Faults][] = [
  ['bbox=1,2,3', { bbox: fourNumbers }],
  ['bbox=1,2,3,4,5', { bbox: fourNumbers }],
  ['bbox=1,2,3,4,5,6', { bbox: fourNumbers }],
  ['bbox=', { bbox: fourNumbers }],
  ['bbox=1,2,3,', { bbox: fourNumbers }],
  ['bbox=1,2,3,x', { bbox: fourNumbers }],
  ['bbox=1,2,3,0x4', { bbox: fourNumbers }],
  ['bbox=1,2,3,Infinity', { bbox: fourNumbers }],
  ['bbox=1,%202,3,4', { bbox: fourNumbers }],
  ['bbox=1,2,3,4&bbox=1,2,3,4', { bbox: fourNumbers }],
  ['bbox=1,5,3,4', { bbox: 'must have south no greater than north; the order is west,south,east,north' }],
  ['bbox=1,-91,3,4', { bbox: latitudes }],
  ['bbox=1,2,3,90.1', { bbox: latitudes }],
  ['bbox=-181,2,3,4', { bbox: longitudes }],
  ['bbox=1,2,190,4', { bbox: longitudes }],
  ['bbox=1,2,3,4&radius=5', { bbox: 'must not come with radius: an area is of one kind' }],
  [
    'bbox=1,2,3,4&latitude=1&longitude=1&radius=5',
    { bbox: 'must not come with latitude or longitude: an area is of one kind' },
  ],
  ['latitude=1', { longitude: wholeCircle, radius: wholeCircle }],
  ['latitude=1&longitude=1', { radius: wholeCircle }],
  ['radius=1', { latitude: wholeCircle, longitude: wholeCircle }],
  ['latitude=91&longitude=1&radius=1', { latitude: 'must be between -90 and 90' }],
  [
    'latitude=x&radius=-1',
    { latitude: 'must be a number of degrees', longitude: wholeCircle, radius: 'must be between 0 and 100000' },
  ],
  ['polygon=1', { polygon: 'must be a GeoJSON Polygon or MultiPolygon' }],
  ['polygon=x', { polygon: 'must be the text of a GeoJSON Polygon or MultiPolygon' }],
  ['polygon={"type":"Polygon","coordinates":[]}', { 'polygon.coordinates': 'must be a list of rings' }],
  ['around=driver-1', { radius: 'is required: an area around a driver is around and radius' }],
  ['around=&radius=5', { around: 'must not be empty' }],
  ['around=d&radius=5&latitude=1', { around: 'must not come with latitude or longitude: an area is of one kind' }],
  ['around=d&radius=5&bbox=1,2,3,4', { around: 'must not come with bbox: an area is of one kind' }],
  ['limit=0', { limit: limitRule }],
  ['limit=ten', { limit: limitRule }],
  ['maxAge=-1', { maxAge: 'must be at least 0' }],
  [`attributes.${'k'.repeat(65)}=1`, { attributes: 'must have keys of at most 64 characters' }],
  [`attributes.a=${'x'.repeat(257)}`, { 'attributes.a.0': 'must have at most 256 characters' }],
  ['attributes.__proto__=1', { attributes: 'must not have the key __proto__' }],
  ['bbox=1&limit=1.5&maxAge=x', { bbox: fourNumbers, limit: limitRule, maxAge: 'must be a number of seconds' }],
];

test('a list of drivers that breaks a rule is told each field and rule', async () => {
  const server = await startServer();
  const cases: [string, Faults][] = [
    ...CASES,
    ['after=', { after: 'must not be empty' }],
    ['after=a%00b', { after: 'must have printable characters only' }],
    ['after=a&after=b', { after: 'must be a string' }],
  ];
  for (const [query, faults] of cases) {
    expect(await faultsOf(await server.get(`/v1/drivers?${query}`)), query).toEqual(faults);
  }
});

test('a list of cells that breaks a rule is told each field and rule', async () => {
  const server = await startServer();
  const resolution = 'must be a whole number from 0 to 15';
  const after = 'must be an H3 cell of the resolution asked for, such as 892a100d2c3ffff';
  const cases: [string, Faults][] = [
    ...CASES.map(([query, faults]): [string, Faults] => [`resolution=9&${query}`, faults]),
    ['', { resolution: 'is required' }],
    ['resolution=16', { resolution }],
    ['resolution=-1', { resolution }],
    ['resolution=8.5', { resolution }],
    ['resolution=nine', { resolution }],
    ['bbox=1&resolution=x', { bbox: fourNumbers, resolution }],
    ['resolution=8&after=892a100d2c3ffff', { after }],
    ['resolution=9&after=882a100d2dfffff', { after }],
    ['resolution=9&after=x', { after }],
    ['resolution=9&after=', { after }],
  ];
  for (const [query, faults] of cases) {
    expect(await faultsOf(await server.get(`/v1/cells?${query}`)), query).toEqual(faults);
  }
});

test('the doors of areas ask for a token, and for the right scope, before anything else', async () => {
  const server = await startServer();
  const bearer = (scope: string) => ({ authorization: `Bearer ${token({ scope })}` });
  const polygon = {
    type: 'Polygon',
    coordinates: [
      [
        [1, 1],
        [2, 1],
        [2, 2],
        [1, 1],
      ],
    ],
  };
  for (const path of ['/v1/drivers', '/v1/drivers?bbox=x', '/v1/cells?resolution=5', '/v1/cells']) {
    expect((await server.get(path, {})).status).toBe(401);
    expect((await server.get(path, { authorization: 'Bearer x' })).status).toBe(401);
    expect((await server.get(path, bearer('positions:write:any'))).status).toBe(403);
  }
  expect((await server.post('/v1/drivers/search', polygon, {})).status).toBe(401);
  expect((await server.post('/v1/drivers/search', 'rubbish', bearer('positions:write'))).status).toBe(403);
  const query = `access_token=${token()}`;
  expect((await server.get(`/v1/drivers?${query}`, {})).status).toBe(200);
  expect((await server.get(`/v1/cells?resolution=5&${query}`, {})).status).toBe(200);
  expect((await server.post(`/v1/drivers/search?${query}`, polygon, {})).status).toBe(401);
});
