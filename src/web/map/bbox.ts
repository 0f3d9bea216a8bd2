/** [west, south, east, north], degrees, as the API takes it: west > east crosses the antimeridian. */
export type Bbox = [west: number, south: number, east: number, north: number];

/** As much of MapLibre's map as is asked here. */
export interface Bounded {
  getBounds(): { getWest(): number; getSouth(): number; getEast(): number; getNorth(): number };
}

/** Where Web Mercator's square ends, degrees: a view that reaches there shows all that is nearer to the pole. */
const MERCATOR_EDGE = 85.051;

/**
 * What a map shows, in the API's convention. The map's own longitudes count on beyond ±180°; here they are wrapped. One
 * world or more is the whole of it, and a view that touches Mercator's edge goes on to the pole.
 */
export function bboxOf(map: Bounded): Bbox {
  const bounds = map.getBounds();
  const [west, east] = wrapRange(bounds.getWest(), bounds.getEast());
  const south = bounds.getSouth();
  const north = bounds.getNorth();
  return [west, south <= -MERCATOR_EDGE ? -90 : south, east, north >= MERCATOR_EDGE ? 90 : north];
}

/** Whether a place is on the map, in whichever turn of the world. */
export function isInView(map: Bounded, latitude: number, longitude: number): boolean {
  const bounds = map.getBounds();
  const east = (((longitude - bounds.getWest()) % 360) + 360) % 360;
  const isHigh = latitude >= bounds.getSouth() && latitude <= bounds.getNorth();
  return isHigh && east <= bounds.getEast() - bounds.getWest();
}

function wrapRange(west: number, east: number): [number, number] {
  // The view's own width is rounded somewhere: a hair less than the world is the world.
  if (!(east - west < 360 - 1e-6)) return [-180, 180];
  const from = wrapLng(west);
  const to = wrapLng(east);
  // An end on the antimeridian itself is the one that keeps west ≤ east.
  return [from, to === -180 && east > west ? 180 : to];
}

/** A longitude in [-180, 180); what is there already stays as it is to the last bit. */
export function wrapLng(lng: number): number {
  if (lng >= -180 && lng < 180) return lng;
  const wrapped = lng - 360 * Math.floor((lng + 180) / 360);
  return wrapped >= 180 ? wrapped - 360 : wrapped;
}
