import { cellToLatLng, getPentagons, getRes0Cells } from 'h3-js';
import { toEcef } from '../geo/ecef.ts';
import { MAX_CURVATURE_RADIUS } from '../geo/ellipsoid.ts';

// An H3 index is 64 bits, kept here as two unsigned halves (`high`, `low`): mode and resolution, then 7 bits of base
// cell, then a digit of 3 bits for each of the resolutions 1 … 15, 7 where unused.
// Source: https://h3geo.org/docs/core-library/h3Indexing

/** The finest H3 resolution; positions are indexed at it (cells of about half a metre). */
export const MAX_RESOLUTION = 15;
/** H3's base cells (resolution 0) are numbered 0 … 121. */
export const BASE_CELLS = 122;

/** The base cell of an index. */
export function baseCell(high: number): number {
  return (high >>> 13) & 127;
}

/** The digit (0 … 6) of an index at a resolution of 1 … 15. */
export function digitAt(high: number, low: number, resolution: number): number {
  const shift = (MAX_RESOLUTION - resolution) * 3;
  if (shift < 30) return (low >>> shift) & 7;
  if (shift > 30) return (high >>> (shift - 32)) & 7;
  return ((low >>> 30) | (high << 2)) & 7;
}

/** The two halves of an index that h3-js gives as a string; `high` goes to `out[0]`, `low` to `out[1]`. */
export function splitCell(cell: string, out: Uint32Array): void {
  const cut = cell.length - 8;
  out[0] = Number.parseInt(cell.slice(0, cut), 16);
  out[1] = Number.parseInt(cell.slice(cut), 16);
}

/** The text of an index that is given in two halves, as h3-js writes it. */
export function cellName(high: number, low: number): string {
  return high.toString(16) + low.toString(16).padStart(8, '0');
}

/** The index of the child of a cell, in two halves, by digit. `resolution` is the child's. */
export function childCell(high: number, low: number, resolution: number, digit: number, out: Uint32Array): void {
  const shift = (MAX_RESOLUTION - resolution) * 3;
  // The parent's digit there is 7 (unused), so clearing bits is all there is to do.
  const clear = 7 ^ digit;
  const highShift = shift >= 32 ? clear << (shift - 32) : shift === 30 ? clear >>> 2 : 0;
  const lowShift = shift <= 30 ? clear << shift : 0;
  const withResolution = (high & ~(15 << 20)) | (resolution << 20);
  out[0] = withResolution & ~highShift;
  out[1] = low & ~lowShift;
}

/** The index of the cell at a resolution that an index at resolution 15 descends from, in two halves. */
export function ancestor(high: number, low: number, resolution: number, out: Uint32Array): void {
  // Digits that are not used are 7.
  const unused = (MAX_RESOLUTION - resolution) * 3;
  const highUnused = unused > 32 ? (1 << (unused - 32)) - 1 : 0;
  const lowUnused = unused >= 32 ? -1 : (1 << unused) - 1;
  out[0] = (high & ~(15 << 20)) | (resolution << 20) | highUnused;
  out[1] = low | lowUnused;
}

/** The finest resolution at which two indexes at resolution 15 descend from the same cell; −1 when at none. */
export function sharedResolution(high1: number, low1: number, high2: number, low2: number): number {
  // Mode and resolution, above bit 19, are not compared. The first differing bit tells the first differing digit.
  const high = (high1 ^ high2) & 0xfffff;
  if (high >>> 13 !== 0) return -1;
  if (high !== 0) return Math.floor((Math.clz32(high) - 19) / 3);
  const low = low1 ^ low2;
  return low === 0 ? MAX_RESOLUTION : Math.floor((Math.clz32(low) + 13) / 3);
}

/** Writes the centre of a cell, as ECEF metres, to `out[offset …]`. */
export function cellCentre(high: number, low: number, out: Float64Array, offset: number): void {
  const [lat, lng] = cellToLatLng([low, high]);
  toEcef(lat, lng, out, offset);
}

/** `high` and `low` of each base cell, by number: `[high0, low0, high1, …]`. */
export const baseCells: Uint32Array = new Uint32Array(2 * BASE_CELLS);
/** The centre of each base cell as ECEF metres: `[x0, y0, z0, x1, …]`. */
export const baseCentres: Float64Array = new Float64Array(3 * BASE_CELLS);
{
  const halves = new Uint32Array(2);
  for (const cell of getRes0Cells()) {
    splitCell(cell, halves);
    const number = baseCell(halves[0]);
    baseCells.set(halves, 2 * number);
    cellCentre(halves[0], halves[1], baseCentres, 3 * number);
  }
}

const pentagons = new Set(
  getPentagons(0).map((cell) => {
    const halves = new Uint32Array(2);
    splitCell(cell, halves);
    return baseCell(halves[0]);
  }),
);

/** Whether a cell is a pentagon, whose child of digit 1 does not exist. `resolution` is the cell's. */
export function isPentagon(high: number, low: number, resolution: number): boolean {
  if (!pentagons.has(baseCell(high))) return false;
  for (let r = 1; r <= resolution; r++) if (digitAt(high, low, r) !== 0) return false;
  return true;
}

/** Gives the cells of a resolution that descend from a cell of the same or a coarser one, in the order of their digits. */
export function eachDescendant(
  high: number,
  low: number,
  resolution: number,
  finest: number,
  visit: (high: number, low: number) => void,
): void {
  if (resolution === finest) {
    visit(high, low);
    return;
  }
  const pentagon = isPentagon(high, low, resolution);
  for (let digit = 0; digit < 7; digit++) {
    if (pentagon && digit === 1) continue;
    childCell(high, low, resolution + 1, digit, child);
    eachDescendant(child[0], child[1], resolution + 1, finest, visit);
  }
}

const child = new Uint32Array(2);

/** H3's distance between neighbouring cell centres at resolution 0, on the plane that touches the unit sphere. */
export const UNIT = 0.381966011250105;

/**
 * For each resolution, the greatest straight distance in metres from the centre of a cell to any point whose index
 * at resolution 15 descends from that cell. (H3 children are not contained in their parent, so this is more than the
 * cell's circumradius.)
 *
 * Why it holds. H3 lays its grids on the faces of an icosahedron, by gnomonic projection on the unit sphere. On that
 * plane centres at resolution r are u(r) = {@link UNIT}/7^(r/2) apart, a child's centre is 0 or u(r + 1) from its
 * parent's, and a point is at most u(15)/√3 from the centre of its cell at resolution 15. The gnomonic projection
 * shortens nothing, so on the sphere the angle is at most the sum of these, also where the path crosses to another
 * face, which is the same plane unfolded, or goes round a pentagon, where a wedge of the plane is left out. H3 takes
 * geodetic degrees for spherical ones, and a step of one radian on that sphere is at most a²/b on the ellipsoid; a chord
 * is shorter still.
 *
 * Source of the constants: H3, `src/h3lib/lib/constants.h` (RES0_U_GNOMONIC, M_SQRT7).
 */
export const cellBounds: Float64Array = new Float64Array(MAX_RESOLUTION + 1);
{
  const unit = (resolution: number) => UNIT / 7 ** (resolution / 2);
  let angle = unit(MAX_RESOLUTION) / Math.sqrt(3);
  for (let resolution = MAX_RESOLUTION; resolution >= 0; resolution--) {
    // A millimetre for rounding: coordinates of 6·10⁶ m are good to a nanometre, H3's own maths to less than that.
    cellBounds[resolution] = angle * MAX_CURVATURE_RADIUS + 0.001;
    angle += unit(resolution);
  }
}
