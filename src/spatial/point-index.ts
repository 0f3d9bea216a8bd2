import { cellToLatLng, getPentagons, latLngToCell } from 'h3-js';
import { toNormal } from '../geo/ecef.ts';
import { ancestor, baseCell, cellName, MAX_RESOLUTION, splitCell, UNIT } from './cell.ts';

// H3's index of a point at resolution 15, worked out here, since every update needs one: h3-js takes more than a
// microsecond for it, most of it for a string. The method is H3's own (F. Sahr, *Geodesic Discrete Global Grid Systems*,
// 2003; https://h3geo.org/docs/core-library/geoToH3desc): the nearest face of an icosahedron, the gnomonic projection on
// it, the nearest centre of the finest grid there, then from level to level the centre of the next coarser grid, whose
// offset is the digit. Three things differ. The projection is done by vectors, without trigonometry. The faces are found
// from the pentagons, which sit on the icosahedron's vertices. And how each base cell's digits are turned against the
// face's axes, a table in H3, is read off H3's own answer the first time that it is needed, from a point that is well
// inside its cell: at its edge H3 may have put it into the next one, whose index can be this one's turned.

const FACES = 20;
/** Grid steps of resolution 15 for one unit of the projection. */
const SCALE = 7 ** (MAX_RESOLUTION / 2) / UNIT;
/** By how much each odd resolution is turned against the even ones: asin √(3/28) radians. */
const TURN = Math.asin(Math.sqrt(3 / 28));

/** Of each face: its centre, then the plane's x and y axis scaled to grid steps; nine numbers, geocentric unit vectors. */
const faces = new Float64Array(9 * FACES);
/** A direction whose cosine to a face's centre is more than this, that of its inscribed circle, is on that face. */
const INSCRIBED = (1 + Math.sqrt(5)) / (2 * Math.sqrt(3)) + 1e-9;

{
  const vertices = getPentagons(0).map((cell) => {
    const [lat, lng] = cellToLatLng(cell).map((degrees) => (degrees * Math.PI) / 180);
    return [Math.cos(lat) * Math.cos(lng), Math.cos(lat) * Math.sin(lng), Math.sin(lat)];
  });
  const dot = (a: number[], b: number[]) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a: number[], b: number[]) => [
    a[1] * b[2] - a[2] * b[1],
    a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0],
  ];
  const scaled = (a: number[], factor: number) => a.map((value) => value * factor);
  const unit = (a: number[]) => scaled(a, 1 / Math.sqrt(dot(a, a)));
  const near = (a: number[], b: number[]) => dot(a, b) > 0.4 && dot(a, b) < 0.5;
  let face = 0;
  for (const [i, a] of vertices.entries()) {
    for (const [j, b] of vertices.entries()) {
      for (const [k, c] of vertices.entries()) {
        if (!(i < j && j < k && near(a, b) && near(b, c) && near(a, c))) continue;
        const centre = unit([a[0] + b[0] + c[0], a[1] + b[1] + c[1], a[2] + b[2] + c[2]]);
        // H3's i axis points to a vertex; which of the three is all one, as the turn is found for each. Resolution 15 is
        // odd, so the grid's own axis is turned from there.
        const toVertex = unit(a.map((value, axis) => value - dot(a, centre) * centre[axis]));
        const across = cross(centre, toVertex);
        const x = toVertex.map((value, axis) => value * Math.cos(TURN) + across[axis] * Math.sin(TURN));
        faces.set([...centre, ...scaled(x, SCALE), ...scaled(cross(centre, x), SCALE)], 9 * face++);
      }
    }
  }
}

/** The digit of a step between a cell's centre and its parent's, by 3·(di + 1) + dj + 1. */
const DIGITS = Uint8Array.of(1, 3, 0, 5, 0, 2, 0, 4, 6);

const SEVENTHS = 7 * 2 ** 24;
/** A hair more, so that the product of a multiple of 7 is never just below the whole number. */
const A_SEVENTH = (1 / 7) * (1 + 1e-12);

/** The bits above the base cell: an index of a cell (mode 1) at resolution 15. */
const HEAD = (1 << 27) | (MAX_RESOLUTION << 20);
const UNKNOWN = -1;
/** What a point of which nothing may be learnt has for a key. */
const NO_KEY = -1;
/** Points that are no further than this from the centre of their cell on any axis, in steps of the grid, are not near its edge. */
const INNER = 0.25;
/**
 * Base cell and turns (8·base cell + turns) of the points of a face, by the cell of resolution 0 on the face's grid (its
 * steps along i and j, −2 … 2) and the first digit that is not 0: around a pentagon, where a sixth of the plane is missing,
 * the turns depend on it.
 */
const orientations = new Int16Array(FACES * 25 * 8).fill(UNKNOWN);

const halves = new Uint32Array(2);
let lastFace = 0;

/** The face that a unit vector points at. */
function faceOf(x: number, y: number, z: number): number {
  const last = 9 * lastFace;
  if (x * faces[last] + y * faces[last + 1] + z * faces[last + 2] > INSCRIBED) return lastFace;
  let best = 0;
  let most = -1;
  for (let face = 0; face < FACES; face++) {
    const at = 9 * face;
    const cosine = x * faces[at] + y * faces[at + 1] + z * faces[at + 2];
    if (cosine > most) {
      most = cosine;
      best = face;
    }
  }
  lastFace = best;
  return best;
}

/**
 * Writes H3's index, at resolution 15, of the point in whose direction a unit vector shows (cos lat cos lng, cos lat sin
 * lng, sin lat) to `out[offset]` (upper half) and `out[offset + 1]` (lower half). The same as h3-js gives, but for points
 * on the very edge of a cell (within a millionth of its size; near the centre of a face, where h3-js rounds more, within
 * a hundredth), that either may put on either side.
 */
export function indexOf(x: number, y: number, z: number, out: Uint32Array, offset: number): void {
  const face = faceOf(x, y, z);
  const at = 9 * face;
  const shrink = 1 / (x * faces[at] + y * faces[at + 1] + z * faces[at + 2]);
  const px = (x * faces[at + 3] + y * faces[at + 4] + z * faces[at + 5]) * shrink;
  const py = (x * faces[at + 6] + y * faces[at + 7] + z * faces[at + 8]) * shrink;

  // The nearest centre, by rounding on axes 60° apart and giving way where the rounding was worst.
  const b = py * (2 / Math.sqrt(3));
  const a = px - b / 2;
  const c = -a - b;
  let ra = Math.round(a);
  let rb = Math.round(b);
  const rc = Math.round(c);
  const ea = Math.abs(ra - a);
  const eb = Math.abs(rb - b);
  const ec = Math.abs(rc - c);
  if (ea > eb && ea > ec) ra = -rb - rc;
  else if (eb > ec) rb = -ra - rc;
  // From here on axes 120° apart, as H3's i and j; whole numbers of at most 2²³.
  let i = (ra + rb) | 0;
  let j = rb | 0;

  let fine = 0;
  let coarse = 0;
  for (let shift = 0; ; shift += 6) {
    // A level up from an odd resolution …
    let upI = seventh(3 * i - j);
    let upJ = seventh(i + 2 * j);
    const odd = DIGITS[3 * (i - 2 * upI - upJ) + (j + upI - 3 * upJ) + 4];
    i = upI;
    j = upJ;
    if (shift === 42) {
      coarse |= odd << 12;
      break;
    }
    // … and from an even one.
    upI = seventh(2 * i + j);
    upJ = seventh(3 * j - i);
    const even = DIGITS[3 * (i - 3 * upI + upJ) + (j - upI - 2 * upJ) + 4];
    i = upI;
    j = upJ;
    const both = odd | (even << 3);
    if (shift < 30) fine |= both << shift;
    else coarse |= both << (shift - 30);
  }

  const key = 8 * (25 * face + 5 * (i + 2) + j + 2) + firstDigit(coarse, fine);
  const orientation = orientations[key];
  if (orientation === UNKNOWN) askH3(x, y, z, coarse, fine, Math.max(ea, eb, ec) < INNER ? key : NO_KEY, out, offset);
  else pack(coarse, fine, orientation, out, offset);
}

/** The first digit that is not 0, of five and ten; 0 when there is none. */
function firstDigit(coarse: number, fine: number): number {
  const digits = coarse !== 0 ? coarse : fine;
  const bit = 31 - Math.clz32(digits);
  return digits === 0 ? 0 : (digits >>> (bit - (bit % 3))) & 7;
}

/** The whole number nearest to n / 7, for |n| up to 2²⁶: made positive, so that cutting off rounds down. */
function seventh(n: number): number {
  return (((n + SEVENTHS + 3) * A_SEVENTH) | 0) - SEVENTHS / 7;
}

/**
 * Digits (three bits each) after turns of 60° counter-clockwise. H3 numbers its directions so that a turn moves the bits
 * of every digit but 0 round by one and negates them; so all are turned at once.
 *
 * @param ones the lowest bit of each digit
 */
function turn(digits: number, turns: number, ones: number): number {
  const moved =
    turns % 3 === 0
      ? digits
      : turns % 3 === 1
        ? ((digits & (3 * ones)) << 1) | ((digits >>> 2) & ones)
        : ((digits & ones) << 2) | ((digits >>> 1) & (3 * ones));
  return turns % 2 === 0 ? moved : moved ^ (7 * ((digits | (digits >>> 1) | (digits >>> 2)) & ones));
}

/** Writes the index of digits in a base cell, turned as it asks. */
function pack(coarse: number, fine: number, orientation: number, out: Uint32Array, offset: number): void {
  const turns = orientation & 7;
  const turnedCoarse = turn(coarse, turns, 0o11111);
  const turnedFine = turn(fine, turns, 0o1111111111);
  // The fifth digit is on the seam of the halves: one bit above, two below.
  out[offset] = HEAD | ((orientation >>> 3) << 13) | (turnedCoarse >>> 2);
  out[offset + 1] = (turnedCoarse << 30) | turnedFine;
}

/** Takes the index from h3-js, and from it, unless there is no key, the orientation for all points to come. */
function askH3(
  x: number,
  y: number,
  z: number,
  coarse: number,
  fine: number,
  key: number,
  out: Uint32Array,
  offset: number,
): void {
  const degrees = 180 / Math.PI;
  const cell = latLngToCell(Math.asin(z) * degrees, Math.atan2(y, x) * degrees, MAX_RESOLUTION);
  splitCell(cell, halves);
  const [high, low] = halves;
  out[offset] = high;
  out[offset + 1] = low;
  for (let turns = 0; turns < 6 && key !== NO_KEY; turns++) {
    const orientation = 8 * baseCell(high) + turns;
    pack(coarse, fine, orientation, halves, 0);
    if (halves[0] === high && halves[1] === low) {
      orientations[key] = orientation;
      return;
    }
  }
}

const normal = new Float64Array(3);

/**
 * The cell of a resolution that the index of a place (degrees) at resolution 15 descends from, in two halves. That is not always
 * the cell that H3 finds for the place: near an edge its cells overlap.
 */
export function cellAt(lat: number, lng: number, resolution: number, out: Uint32Array): void {
  toNormal(lat, lng, normal, 0);
  indexOf(normal[0], normal[1], normal[2], out, 0);
  ancestor(out[0], out[1], resolution, out);
}

const named = new Uint32Array(2);

/** The same, as h3-js writes it. */
export function cellNameAt(lat: number, lng: number, resolution: number): string {
  cellAt(lat, lng, resolution, named);
  return cellName(named[0], named[1]);
}
