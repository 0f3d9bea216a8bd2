import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32, deflateSync } from 'node:zlib';

/** Where the style server's own GeoJSON is drawn: a square, degrees. */
export const SQUARE = { west: 2, south: 41, east: 3, north: 42 };

/**
 * A server of MapLibre styles on a port of its own, for any origin: raster tiles of one colour, a square from a file, both
 * by relative addresses. Far in the west there are no tiles.
 */
export async function serveStyles(): Promise<{ origin: string; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url as string, 'http://styles');
    asked.push(pathname);
    response.setHeader('access-control-allow-origin', '*');
    const tile = /^\/tiles\/(light|dark)\/(\d+)\/(\d+)\/\d+\.png$/.exec(pathname);
    const style = /^\/(light|dark)\.json$/.exec(pathname);
    // West of 22.5° W there are none, but for the coarse ones.
    const isThere = tile !== null && (Number(tile[2]) < 4 || Number(tile[3]) >= 7 * 2 ** (Number(tile[2]) - 4));
    if (tile !== null && isThere) response.setHeader('content-type', 'image/png').end(png(COLOURS[tile[1]].tile));
    else if (style !== null) json(styleOf(style[1]));
    else if (pathname === '/square.json') json(square());
    else if (pathname === '/other.json') json({ openapi: '3.1.0' });
    else if (pathname === '/wrong.json') json({ version: 8, sources: {}, layers: [{ id: 'a', type: 'nonsense' }] });
    else response.writeHead(404).end();

    function json(body: unknown): void {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Rgb = readonly [number, number, number];

/** What a theme's style is drawn in. */
export const COLOURS: Readonly<Record<string, { tile: Rgb; square: Rgb }>> = {
  light: { tile: [250, 220, 190], square: [0, 160, 0] },
  dark: { tile: [60, 20, 20], square: [0, 90, 0] },
};

function styleOf(theme: string): unknown {
  return {
    version: 8,
    // None of this is to move the map.
    center: [100, 50],
    zoom: 3,
    bearing: 90,
    pitch: 60,
    projection: { type: 'globe' },
    sources: {
      tiles: {
        type: 'raster',
        tiles: [`tiles/${theme}/{z}/{x}/{y}.png`],
        tileSize: 256,
        attribution: 'Made by a test',
      },
      square: { type: 'geojson', data: './square.json' },
    },
    layers: [
      { id: 'tiles', type: 'raster', source: 'tiles', paint: { 'raster-fade-duration': 0 } },
      { id: 'square', type: 'fill', source: 'square', paint: { 'fill-color': `rgb(${COLOURS[theme].square})` } },
    ],
  };
}

function square(): unknown {
  const { west, south, east, north } = SQUARE;
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
  return { type: 'Feature', geometry: { type: 'Polygon', coordinates: [ring] }, properties: {} };
}

/** A picture of 2 × 2 pixels, all of one colour. */
function png(colour: Rgb): Buffer {
  const size = Buffer.from([0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
  const rows = Buffer.from([0, ...colour, ...colour, 0, ...colour, ...colour]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', size),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}
