import { isInside, named } from '../geo/shapes.ts';
import { type Place, trueDistance } from './geodesic.ts';

/** Where drivers are, by driverId. */
export type Places = ReadonlyMap<string, Place>;

/** An area as it is asked for, and who is in it by independent truth. */
export interface AskedArea {
  readonly kind: string;
  /** In a message. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** In a query string. */
  readonly query: string;
  holds(place: Place, places: Places): boolean;
}

export function circle(lat: number, lng: number, radius: number): AskedArea {
  return {
    kind: 'circle',
    fields: { latitude: lat, longitude: lng, radius },
    query: `latitude=${lat}&longitude=${lng}&radius=${radius}`,
    holds: (place) => trueDistance(lat, lng, ...place) <= radius,
  };
}

/** West of more than east: over the antimeridian. */
export function box(west: number, south: number, east: number, north: number): AskedArea {
  return {
    kind: 'box',
    fields: { bbox: [west, south, east, north] },
    query: `bbox=${west},${south},${east},${north}`,
    holds: ([lat, lng]) =>
      lat >= south && lat <= north && (west <= east ? lng >= west && lng <= east : lng >= west || lng <= east),
  };
}

/** @param rings outline and holes, each closed, as [longitude, latitude] */
export function polygon(rings: [lng: number, lat: number][][]): AskedArea {
  const geometry = { type: 'Polygon', coordinates: rings };
  const flat = rings.map((ring) => ring.flatMap(([lng, lat]) => [lat, lng]));
  return {
    kind: 'polygon',
    fields: { polygon: geometry },
    query: `polygon=${encodeURIComponent(JSON.stringify(geometry))}`,
    // Outlines go on beyond the antimeridian.
    holds: ([lat, lng]) => [lng, lng - 360, lng + 360].some((name) => isInside([flat], lat, name)),
  };
}

/** Nobody is inside while the driver is not known. */
export function around(driverId: string, radius: number): AskedArea {
  return {
    kind: 'around',
    fields: { around: driverId, radius },
    query: `around=${encodeURIComponent(driverId)}&radius=${radius}`,
    holds: (place, places) => {
      const followed = places.get(driverId);
      return followed !== undefined && trueDistance(...followed, ...place) <= radius;
    },
  };
}

export const everywhere: AskedArea = { kind: 'everywhere', fields: {}, query: '', holds: () => true };

/** A square ring, closed. */
function square(lng: number, lat: number, half: number): [number, number][] {
  return [
    [lng - half, lat - half],
    [lng + half, lat - half],
    [lng + half, lat + half],
    [lng - half, lat + half],
    [lng - half, lat - half],
  ];
}

/** A square with a square hole in its middle; half as wide as `half` in degrees. */
export const frame = (lat: number, lng: number, half: number): AskedArea =>
  polygon([square(lng, lat, half), square(lng, lat, half / 2)]);

/** One of each kind in a city, of sizes that its drivers come and go through. */
export function areasIn([lat, lng]: Place, followed: string): AskedArea[] {
  return [
    circle(lat, lng, 3_000),
    box(named(lng - 0.02), lat - 0.02, named(lng + 0.03), lat + 0.01),
    frame(lat, lng, 0.03),
    around(followed, 4_000),
    everywhere,
  ];
}
