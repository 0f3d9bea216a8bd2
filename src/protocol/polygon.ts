import { z } from 'zod';
import { areaOf, Polygon } from '../geo/polygon.ts';

/** The most positions in all the rings of a polygon. */
export const MAX_VERTICES = 10_000;
/**
 * The most that the boxes around the polygons may cover in all, square kilometres; around Russia it is 38,500,000. Of the
 * boxes, since the area within rings that cross themselves can be anything.
 */
export const MAX_AREA = 50_000_000;

/** A rule that a polygon breaks, and where: the way from the geometry to the part at fault. */
interface Broken {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A closed line as the core takes it: [lat, lng, lat, lng, …], degrees. */
type Ring = number[];

const position = { type: 'array', minItems: 2, items: { type: 'number' } } as const;
const ring = { type: 'array', minItems: 4, items: position } as const;
const rings = { type: 'array', minItems: 1, items: ring } as const;
const geometry = (type: string, coordinates: object) => ({
  type: 'object' as const,
  required: ['type', 'coordinates'],
  properties: { type: { type: 'string', const: type }, coordinates },
});

/** A triangle in Manhattan. */
const EXAMPLE = {
  type: 'Polygon',
  coordinates: [
    [
      [-74.0, 40.74],
      [-73.97, 40.75],
      [-73.99, 40.77],
      [-74.0, 40.74],
    ],
  ],
};

const KINDS = 'must be a GeoJSON Polygon or MultiPolygon';

/**
 * A GeoJSON Polygon or MultiPolygon (RFC 7946, 3.1.6 and 3.1.7). Checked by hand: for the shape alone zod takes two to four times
 * as long (ten thousand positions: 0.5 ms, and zod 1.2 to 2), and its faults would not say which rule of polygons is
 * broken. The contract is told the shape by the metadata.
 */
export const polygonSchema = z
  .any()
  .transform((geometry, context): Polygon => {
    const read = readGeometry(geometry);
    if (Array.isArray(read)) return new Polygon(read);
    context.addIssue({ code: 'custom', path: [...read.path], message: read.message, input: geometry });
    return z.NEVER;
  })
  .meta({
    id: 'Polygon',
    description:
      'A GeoJSON Polygon or MultiPolygon (RFC 7946). A position is [longitude, latitude]; a ring ends with its first position again; the first ring of a polygon is its edge, further ones are holes. Edges are straight lines between longitudes and latitudes, as a map draws them. Across the antimeridian, longitudes may go on beyond 180 (to 360) or the polygon be cut in two. At most 10,000 positions, and 50,000,000 km² for the boxes around its polygons.',
    example: EXAMPLE,
    oneOf: [geometry('Polygon', rings), geometry('MultiPolygon', { type: 'array', minItems: 1, items: rings })],
  });

/** A polygon in a query string: its GeoJSON as text. */
export const polygonInQuery = z
  .string({ error: 'must be the text of a GeoJSON Polygon or MultiPolygon' })
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'must be the text of a GeoJSON Polygon or MultiPolygon',
        input: text,
      });
      return z.NEVER;
    }
  })
  .pipe(polygonSchema)
  .meta({
    description:
      'A GeoJSON Polygon or MultiPolygon as text. What a URL can hold (some 400 positions); send more as a message or to `POST /v1/drivers/search`.',
    example: JSON.stringify(EXAMPLE),
  });

/** The rings of a geometry, or the first rule that it breaks. */
function readGeometry(geometry: unknown): Ring[][] | Broken {
  if (geometry === undefined) return { path: [], message: 'is required' };
  if (typeof geometry !== 'object' || geometry === null || Array.isArray(geometry)) return { path: [], message: KINDS };
  const { type, coordinates } = geometry as { type?: unknown; coordinates?: unknown };
  if (type !== 'Polygon' && type !== 'MultiPolygon') {
    const message = 'must be Polygon or MultiPolygon';
    return { path: ['type'], message: type === 'Feature' ? `${message}; of a Feature send the geometry` : message };
  }
  const lists = type === 'Polygon' ? [coordinates] : coordinates;
  if (!Array.isArray(lists) || lists.length === 0) {
    return { path: ['coordinates'], message: 'must be a list of polygons, each a list of rings' };
  }
  const vertices = count(lists);
  if (vertices > MAX_VERTICES) {
    return { path: ['coordinates'], message: `must have at most ${figure(MAX_VERTICES)} positions in all` };
  }
  const polygons: Ring[][] = [];
  for (let i = 0; i < lists.length; i++) {
    const path = type === 'Polygon' ? ['coordinates'] : ['coordinates', i];
    const polygon = readRings(lists[i], path);
    if (!Array.isArray(polygon)) return polygon;
    polygons.push(polygon);
  }
  const area = areaOf(polygons.map(([edge]) => [boxAround(edge)]));
  if (area > MAX_AREA) {
    return {
      path: ['coordinates'],
      message: `must lie within boxes of at most ${figure(MAX_AREA)} km² in all; those around its polygons have ${figure(Math.ceil(area))} km²`,
    };
  }
  return polygons;
}

/** How many positions there are, or more than there may be. Nothing but lengths is looked at, and not too many. */
function count(polygons: readonly unknown[]): number {
  let vertices = 0;
  for (const polygon of polygons) {
    if (!Array.isArray(polygon)) continue;
    for (const ring of polygon) {
      // An empty ring, which is refused later, counts too: a million of them are not walked.
      vertices += Array.isArray(ring) ? Math.max(ring.length, 1) : 1;
      if (vertices > MAX_VERTICES) return vertices;
    }
  }
  return vertices + Math.max(0, polygons.length - MAX_VERTICES);
}

/** The box around a ring, as a ring. */
function boxAround(ring: Ring): Ring {
  let south = 90;
  let north = -90;
  let west = 360;
  let east = -360;
  for (let i = 0; i < ring.length; i += 2) {
    south = Math.min(south, ring[i]);
    north = Math.max(north, ring[i]);
    west = Math.min(west, ring[i + 1]);
    east = Math.max(east, ring[i + 1]);
  }
  return [south, west, south, east, north, east, north, west, south, west];
}

function readRings(rings: unknown, path: readonly (string | number)[]): Ring[] | Broken {
  if (!Array.isArray(rings) || rings.length === 0) return { path, message: 'must be a list of rings' };
  const polygon: Ring[] = [];
  let edge: Extent | undefined;
  for (let i = 0; i < rings.length; i++) {
    const read = readRing(rings[i], [...path, i]);
    if ('message' in read) return read;
    edge ??= read;
    if (read.east < edge.west || read.west > edge.east) {
      const message = `must lie within the longitudes of the ring it is a hole of, ${edge.west} to ${edge.east}`;
      return { path: [...path, i], message };
    }
    polygon.push(read.ring);
  }
  return polygon;
}

/** A ring and its longitudes. */
interface Extent {
  readonly ring: Ring;
  readonly west: number;
  readonly east: number;
}

function readRing(positions: unknown, path: readonly (string | number)[]): Extent | Broken {
  if (!Array.isArray(positions) || positions.length < 4) {
    return { path, message: 'must be a ring: a list of at least four positions, of which the last is the first again' };
  }
  const ring: Ring = [];
  let west = Number.POSITIVE_INFINITY;
  let east = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < positions.length; i++) {
    const rule = faultOfPosition(positions[i]);
    if (rule !== undefined) return { path: [...path, i], message: rule };
    const [lng, lat] = positions[i];
    if (i > 0 && Math.abs(lng - ring[ring.length - 1]) > 180) {
      const other = lng > 0 ? lng - 360 : lng + 360;
      const message = `must be within 180° of longitude of the position before it; to cross the antimeridian write ${other} for ${lng}, or cut the polygon there`;
      return { path: [...path, i], message };
    }
    west = Math.min(west, lng);
    east = Math.max(east, lng);
    ring.push(lat, lng);
  }
  if (ring[0] !== ring[ring.length - 2] || ring[1] !== ring[ring.length - 1]) {
    return { path, message: 'must be closed: its last position must be the same as its first' };
  }
  if (east - west > 360) return { path, message: 'must not go around the globe more than once' };
  return { ring, west, east };
}

/** The rule that a position breaks. */
function faultOfPosition(position: unknown): string | undefined {
  if (!Array.isArray(position) || !Number.isFinite(position[0]) || !Number.isFinite(position[1])) {
    return 'must be a position: [longitude, latitude]';
  }
  const [lng, lat] = position;
  if (Math.abs(lat) > 90) {
    return `must have a latitude between -90 and 90, not ${lat}; a position is [longitude, latitude]`;
  }
  if (Math.abs(lng) > 360) return `must have a longitude between -360 and 360, not ${lng}`;
  return undefined;
}

function figure(number: number): string {
  return number.toLocaleString('en');
}
