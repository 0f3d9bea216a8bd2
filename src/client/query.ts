import type { Box, Order, Where } from './area.ts';

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
export function nearbyPath({ where, ...numbers }: NearbyQuery): string {
  const query = new URLSearchParams();
  for (const name of ['latitude', 'longitude', 'radius', 'limit', 'maxAge'] as const) {
    if (numbers[name] !== undefined) query.set(name, String(numbers[name]));
  }
  addWhere(query, where);
  return `v1/drivers/nearby?${query}`;
}

/** An area and filters in a query string. @param more of it */
export function orderInQuery({ bbox, polygon, where, ...plain }: Order, more: Order): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...plain, ...more })) {
    if (value !== undefined) query.set(name, String(value));
  }
  if (bbox !== undefined) query.set('bbox', (bbox as Box['bbox']).join());
  if (polygon !== undefined) query.set('polygon', JSON.stringify(polygon));
  addWhere(query, where as Where | undefined);
  return query;
}

/** Adds a condition. */
function addWhere(query: URLSearchParams, where: Where = {}): void {
  for (const [name, allowed] of Object.entries(where)) {
    const values = Array.isArray(allowed) ? allowed : [allowed];
    for (const value of values) query.append(`attributes.${name}`, String(value));
  }
}
