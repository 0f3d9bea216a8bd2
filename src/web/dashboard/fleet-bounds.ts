import type { MultiPolygon, Polygon, Position } from 'geojson';
import type { Nearcast } from '../../client/index.ts';

interface CellsAnswer {
  readonly features: readonly { readonly geometry: Polygon | MultiPolygon }[];
  readonly next?: string;
}

/** Resolutions of the cells by which the fleet is found, coarse to fine: some 100, 15, 2 and 0.3 km across. */
const RESOLUTIONS = [3, 5, 7, 9];

/**
 * Where the drivers are: west, south, east, north around the cells that have any; east may be beyond 180. Undefined where
 * there are none.
 *
 * @throws {NearcastError} why it cannot be asked
 */
export async function boundsOfFleet(client: Nearcast): Promise<[number, number, number, number] | undefined> {
  let bounds: [number, number, number, number] | undefined;
  for (const resolution of RESOLUTIONS) {
    const answer = (await client.request(`v1/cells?resolution=${resolution}&limit=1000`, {
      accept: 'application/geo+json',
    })) as CellsAnswer;
    // Where finer cells are more than one answer holds, the coarser ones are as good.
    const isWhole = answer.next === undefined;
    const corners = answer.features.flatMap(({ geometry }) => cornersOf(geometry));
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
