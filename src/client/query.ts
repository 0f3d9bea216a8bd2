import type { Where } from './area.ts';

/** What to ask `nearby`. */
export interface NearbyQuery {
  /** WGS84 degrees north. */
  readonly latitude: number;
  /** WGS84 degrees east. */
  readonly longitude: number;
  /** Metres along the WGS84 ellipsoid; 5,000 when absent. */
  readonly radius?: number;
  /** The most drivers to answer with: 1 … 1000; 20 when absent. */
  readonly limit?: number;
  /** Seconds: leaves out positions whose timestamp is older. */
  readonly maxAge?: number;
  readonly where?: Where;
}

/** The path, with its query, that asks for it. */
export function nearbyPath({ where = {}, ...numbers }: NearbyQuery): string {
  const query = new URLSearchParams();
  for (const name of ['latitude', 'longitude', 'radius', 'limit', 'maxAge'] as const) {
    if (numbers[name] !== undefined) query.set(name, String(numbers[name]));
  }
  for (const [name, allowed] of Object.entries(where)) {
    const values = Array.isArray(allowed) ? allowed : [allowed];
    for (const value of values) query.append(`attributes.${name}`, String(value));
  }
  return `v1/drivers/nearby?${query}`;
}
