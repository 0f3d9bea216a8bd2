import type { Region } from '../geo/region.ts';
import { BASE_CELLS, cellName, eachDescendant } from '../spatial/cell.ts';
import { cover } from '../spatial/cover.ts';
import { cellAt } from '../spatial/point-index.ts';

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

const index = new Uint32Array(2);

/** The lease of a place: degrees. */
export function leaseAt(lat: number, lng: number): number {
  cellAt(lat, lng, LEASE_RESOLUTION, index);
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
  const add = (high: number) => void leases.push(leaseOf(high));
  for (let i = 0; i < high.length; i++) {
    // Of the coarsest there are thousands.
    if (7 ** (LEASE_RESOLUTION - resolution[i]) > 2 * MAX_LEASES) return undefined;
    eachDescendant(high[i], low[i], resolution[i], LEASE_RESOLUTION, add);
    if (leases.length > MAX_LEASES) return undefined;
  }
  return leases;
}
