import type { MultiPolygon, Polygon, Position } from 'geojson';
import type { Map as MapLibre } from 'maplibre-gl';
import type { Session } from '../session/session.ts';

/** Where a map looks. */
export interface View {
  readonly lat: number;
  readonly lng: number;
  readonly zoom: number;
}

/** A view as links say it, `40.7549,-73.984,13.5`; undefined where it is none. */
export function parseView(text: string | undefined): View | undefined {
  const [lat, lng, zoom = 13] = (text ?? '').split(',').map(Number);
  if (!(Math.abs(lat) <= 85.06 && Math.abs(lng) <= 180 && zoom >= 0 && zoom <= 22)) return undefined;
  return { lat, lng, zoom };
}

/** Degrees to about a decimetre are enough for a view. */
export function formatView({ lat, lng, zoom }: View): string {
  const short = (value: number, digits: number) => String(Number(value.toFixed(digits)));
  return `${short(lat, 5)},${short(lng, 5)},${short(zoom, 2)}`;
}

export function viewOf(map: MapLibre): View {
  const { lat, lng } = map.getCenter();
  return { lat, lng, zoom: map.getZoom() };
}

interface CellsAnswer {
  readonly features: readonly { readonly geometry: Polygon | MultiPolygon }[];
  readonly next?: string;
}

/** Resolutions of the cells by which the fleet is found, coarse to fine: some 100, 15 and 2 km across. */
const RESOLUTIONS = [3, 5, 7];

/**
 * Where the drivers are: west, south, east, north around the cells that have any; east may be beyond 180. Undefined where
 * there are none.
 *
 * @throws {NearcastError} why it cannot be asked
 */
export async function boundsOfFleet(session: Session): Promise<[number, number, number, number] | undefined> {
  let bounds: [number, number, number, number] | undefined;
  for (const resolution of RESOLUTIONS) {
    const answer = (await session.client.value?.request(`v1/cells?resolution=${resolution}&limit=1000`, {
      accept: 'application/geo+json',
    })) as CellsAnswer | undefined;
    // Where finer cells are more than one answer holds, the coarser ones are as good.
    const isWhole = answer?.next === undefined;
    const corners = answer?.features.flatMap(({ geometry }) => cornersOf(geometry)) ?? [];
    if (corners.length === 0 || (bounds !== undefined && !isWhole)) return bounds;
    const [west, east] = narrowest(corners.map(([lng]) => lng));
    const lats = corners.map(([, lat]) => lat);
    bounds = [west, Math.min(...lats), east, Math.max(...lats)];
    if (!isWhole) return bounds;
  }
  return bounds;
}

/** Of a cell, or of one cut at the antimeridian. */
function cornersOf(geometry: Polygon | MultiPolygon): Position[] {
  return geometry.type === 'Polygon' ? geometry.coordinates.flat() : geometry.coordinates.flat(2);
}

/** The shortest way from west to east, perhaps over the antimeridian, that passes all of these. */
function narrowest(lngs: readonly number[]): [west: number, east: number] {
  const sorted = lngs.toSorted((a, b) => a - b);
  const last = sorted[sorted.length - 1];
  let [west, east] = [sorted[0], last];
  for (let i = 1; i < sorted.length; i++) {
    // From here on round to the one before.
    if (sorted[i - 1] + 360 - sorted[i] < east - west) [west, east] = [sorted[i], sorted[i - 1] + 360];
  }
  return [west, east];
}

/**
 * A radius of at least so many metres, in steps of an eighth: on a map that follows a driver a screen is as wide in other
 * latitudes by some metres more or less, which is no news to the server.
 */
export function radiusInSteps(metres: number): number {
  return Math.ceil(1.125 ** Math.ceil(Math.log(metres) / Math.log(1.125)));
}

/** Degrees around a circle, generously. */
export function boxAround(lat: number, lng: number, radius: number): [number, number, number, number] {
  const high = radius / 111_000;
  const wide = Math.min(180, high / Math.max(0.01, Math.cos((lat * Math.PI) / 180)));
  return [Math.max(-180, lng - wide), Math.max(-85, lat - high), Math.min(180, lng + wide), Math.min(85, lat + high)];
}
