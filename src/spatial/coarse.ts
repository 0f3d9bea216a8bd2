import { cellToLatLng, latLngToCell } from 'h3-js';
import { cellBounds } from './cell.ts';

/** The centres of cells that were asked for, by cell; to find one takes h3-js as long as to find the cell. */
const centres = new Map<string, readonly [lat: number, lng: number]>();
/** Then all are forgotten: some megabytes. */
const MAX_CENTRES = 20_000;

/**
 * The centre of the H3 cell, of a resolution, that a point is in: all that is told of a place to whoever may not know it
 * better.
 *
 * @param lat degrees, −90 … 90
 * @param lng degrees, −180 … 180
 * @param resolution 0 … 15
 * @returns degrees: latitude, longitude
 */
export function coarsened(lat: number, lng: number, resolution: number): readonly [lat: number, lng: number] {
  const cell = latLngToCell(lat, lng, resolution);
  let centre = centres.get(cell);
  if (centre === undefined) {
    if (centres.size === MAX_CENTRES) centres.clear();
    centre = cellToLatLng(cell);
    centres.set(cell, centre);
  }
  return centre;
}

/** A chord as long as the bound of a base cell, 1500 km, is 0.3 % shorter than the way along the ground. */
const ARC = 1.01;

/**
 * Metres along the ellipsoid: no place is further from where it is told.
 *
 * @param resolution 0 … 15
 */
export function coarseReach(resolution: number): number {
  return ARC * cellBounds[resolution];
}
