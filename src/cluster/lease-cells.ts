import { toNormal } from '../geo/ecef.ts';
import type { Region } from '../geo/region.ts';
import { BASE_CELLS, cellName, childCell, isPentagon } from '../spatial/cell.ts';
import { cover } from '../spatial/cover.ts';
import { indexOf } from '../spatial/point-index.ts';

/** H3 resolution of what is leased: cells of about 1,770 km², a city or a part of one. */
export const LEASE_RESOLUTION = 4;

/** Leases that one area may take; a larger one takes the whole fleet. */
export const MAX_LEASES = 500;

/**
 * The cell at {@link LEASE_RESOLUTION} that an index descends from, as a number below 2^19: seven bits of base cell, and three
 * for each of four digits. @param high the upper half of an index at that resolution or a finer one
 */
export function leaseOf(high: number): number {
  return (high & 0xfffff) >>> 1;
}

const normal = new Float64Array(3);
const index = new Uint32Array(2);

/** The lease of a place: degrees. */
export function leaseAt(lat: number, lng: number): number {
  toNormal(lat, lng, normal, 0);
  indexOf(normal[0], normal[1], normal[2], index, 0);
  return leaseOf(index[0]);
}

/** Whether a number is that of a cell, as far as its base cell says. */
export function isLease(lease: number): boolean {
  return Number.isInteger(lease) && lease >= 0 && lease < BASE_CELLS << 12;
}

/** The upper half of a cell's index. */
export function highOf(lease: number): number {
  return (1 << 27) | (LEASE_RESOLUTION << 20) | (lease << 1) | 1;
}

/** The lower half of any cell's index: digits that are not used. */
export const LOW = 0xffffffff;

/** A cell's index, as h3-js writes it. */
export function nameOf(lease: number): string {
  return cellName(highOf(lease), LOW);
}

/**
 * The cells that together hold every position that can be in a region; see `cover`, which never is too small although H3's
 * children leave their parents. `undefined` where there are more than {@link MAX_LEASES}.
 */
export function leasesOf(region: Pick<Region, 'side'>): number[] | undefined {
  const { high, low, resolution } = cover(region, MAX_LEASES, LEASE_RESOLUTION);
  const leases: number[] = [];
  for (let i = 0; i < high.length; i++) if (!descend(high[i], low[i], resolution[i], leases)) return undefined;
  return leases;
}

/** Takes in the cells below a coarser one. @returns false: there are too many now */
function descend(high: number, low: number, resolution: number, leases: number[]): boolean {
  if (resolution === LEASE_RESOLUTION) return leases.push(leaseOf(high)) <= MAX_LEASES;
  // Of the coarsest there are thousands.
  if (7 ** (LEASE_RESOLUTION - resolution) > 2 * MAX_LEASES) return false;
  const pentagon = isPentagon(high, low, resolution);
  const child = new Uint32Array(2);
  for (let digit = 0; digit < 7; digit++) {
    if (pentagon && digit === 1) continue;
    childCell(high, low, resolution + 1, digit, child);
    if (!descend(child[0], child[1], resolution + 1, leases)) return false;
  }
  return true;
}
