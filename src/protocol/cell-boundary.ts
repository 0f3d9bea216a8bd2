import { cellToBoundary } from 'h3-js';

/** [longitude, latitude], degrees. */
type Position = readonly [lng: number, lat: number];

/** The outline of a cell as a GeoJSON geometry (RFC 7946, 3.1.6 and 3.1.7). */
export type CellGeometry =
  | { readonly type: 'Polygon'; readonly coordinates: readonly (readonly Position[])[] }
  | { readonly type: 'MultiPolygon'; readonly coordinates: readonly (readonly (readonly Position[])[])[] };

/** Decimals of a degree: the seventh is a centimetre, and cells of resolution 15 are half a metre across. */
const PRECISION = 1e7;
const TURN = 360;
const HALF = 180;

/**
 * The outline of an H3 cell: rings counter-clockwise, longitudes −180 … 180. One that crosses the antimeridian is cut in
 * two there (RFC 7946, 3.1.9). One that holds a pole goes up to it along both ends of the antimeridian, so that on a map
 * it fills the top or the bottom; neighbours have the same edges, so that together cells fill the map without overlap.
 */
export function cellGeometry(cell: string): CellGeometry {
  const outline = unrolled(cell);
  const start = outline[0][0];
  const turns = outline[outline.length - 1][0] - start;
  if (turns !== 0) return { type: 'Polygon', coordinates: [aroundPole(outline, turns)] };
  // Part of the outline is beyond ±180 where it crosses; after this, beyond 180.
  const west = Math.min(...outline.map(([lng]) => lng));
  const ring = west < -HALF ? moved(outline, TURN) : outline;
  const parts = [
    clipped(ring, (lng) => lng <= HALF),
    moved(
      clipped(ring, (lng) => lng >= HALF),
      -TURN,
    ),
  ].filter(hasArea);
  if (parts.length === 1) return { type: 'Polygon', coordinates: parts };
  return { type: 'MultiPolygon', coordinates: parts.map((part) => [part]) };
}

/** A cell's closed outline on a plane without end: each longitude within half a turn of the one before it. */
function unrolled(cell: string): Position[] {
  const outline: Position[] = [];
  for (const [lng, lat] of cellToBoundary(cell, true)) {
    const x = round(lng);
    const before = outline.length === 0 ? x : outline[outline.length - 1][0];
    outline.push([x + TURN * Math.round((before - x) / TURN), round(lat)]);
  }
  return outline;
}

/** The ring of a cell that holds a pole, from the outline around it, whose end is a turn from its start. */
function aroundPole(outline: readonly Position[], turn: number): Position[] {
  // The edge that crosses the antimeridian is where the ring is opened, towards the pole.
  const beyond = (i: number) => Math.floor((outline[i][0] + HALF) / TURN);
  let edge = 1;
  while (beyond(edge) === beyond(edge - 1)) edge++;
  const antimeridian = Math.max(beyond(edge), beyond(edge - 1)) * TURN - HALF;
  const lat = latitudeAt(antimeridian, outline[edge - 1], outline[edge]);
  const east = Math.sign(turn) * HALF;
  const pole = 90 * Math.sign(outline[0][1]);
  const around = [...outline.slice(edge, -1), ...moved(outline.slice(0, edge), turn)];
  return [
    [-east, lat],
    ...moved(around, -east - antimeridian),
    [east, lat],
    [east, pole],
    // Half-way, so that no edge is longer than half a turn.
    [0, pole],
    [-east, pole],
    [-east, lat],
  ];
}

/** The part of a closed ring on one side of the meridian of 180°, by Sutherland and Hodgman. Closed. */
function clipped(ring: readonly Position[], isIn: (lng: number) => boolean): Position[] {
  const part: Position[] = [];
  for (let i = 1; i < ring.length; i++) {
    const [from, to] = [ring[i - 1], ring[i]];
    if (isIn(from[0])) part.push(from);
    if (from[0] !== HALF && to[0] !== HALF && isIn(from[0]) !== isIn(to[0])) {
      part.push([HALF, latitudeAt(HALF, from, to)]);
    }
  }
  if (part.length > 0) part.push(part[0]);
  return part;
}

/** Where an edge crosses a meridian. */
function latitudeAt(lng: number, [lng1, lat1]: Position, [lng2, lat2]: Position): number {
  return round(lat1 + ((lng - lng1) / (lng2 - lng1)) * (lat2 - lat1));
}

function moved(ring: readonly Position[], by: number): Position[] {
  return ring.map(([lng, lat]) => [round(lng + by), lat]);
}

/** Whether a ring goes round anything: what is beyond the antimeridian by no more than a rounding does not. */
function hasArea(ring: readonly Position[]): boolean {
  const [x, y] = ring[0] ?? [0, 0];
  let area = 0;
  for (let i = 1; i < ring.length; i++) {
    area += (ring[i - 1][0] - x) * (ring[i][1] - y) - (ring[i][0] - x) * (ring[i - 1][1] - y);
  }
  return area > 0;
}

function round(degrees: number): number {
  return Math.round(degrees * PRECISION) / PRECISION;
}
