import { cellToLatLng, latLngToCell } from 'h3-js';

/**
 * The centre of the H3 cell, of a resolution, that a point is in: all that is told of a place to whoever may not know it
 * better.
 *
 * @param lat degrees, −90 … 90
 * @param lng degrees, −180 … 180
 * @param resolution 0 … 15
 * @returns degrees: latitude, longitude
 */
export function coarsened(lat: number, lng: number, resolution: number): [lat: number, lng: number] {
  return cellToLatLng(latLngToCell(lat, lng, resolution));
}
