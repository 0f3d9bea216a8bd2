/** A circle: everything up to `radius` metres from a centre, the rim included. */
export interface Circle {
  /** WGS84 degrees north. */
  readonly latitude: number;
  /** WGS84 degrees east. */
  readonly longitude: number;
  /** Metres along the WGS84 ellipsoid. */
  readonly radius: number;
}

/** A box in degrees: west, south, east, north. Where west is greater than east it crosses the antimeridian. */
export interface Box {
  readonly bbox: readonly [west: number, south: number, east: number, north: number];
}

/** A ring of a GeoJSON polygon: longitude, latitude; the last is the first. */
export type Ring = readonly (readonly number[])[];

/** A GeoJSON Polygon or MultiPolygon (RFC 7946). */
export interface PolygonArea {
  readonly polygon:
    | { readonly type: 'Polygon'; readonly coordinates: readonly Ring[] }
    | { readonly type: 'MultiPolygon'; readonly coordinates: readonly (readonly Ring[])[] };
}

/** A circle that goes with a driver, who is inside too. */
export interface Around {
  /** The driverId of the driver to follow. */
  readonly around: string;
  /** Metres along the WGS84 ellipsoid. */
  readonly radius: number;
}

/** The whole fleet: no field of an area. */
export interface Everywhere {
  readonly latitude?: undefined;
  readonly longitude?: undefined;
  readonly radius?: undefined;
  readonly bbox?: undefined;
  readonly polygon?: undefined;
  readonly around?: undefined;
}

/** Where to watch. */
export type Area = Circle | Box | PolygonArea | Around | Everywhere;

type AttributeValue = string | number | boolean;

/** Each attribute must have the given value, or one of the given ones; compared by their text. */
export type Where = Readonly<Record<string, AttributeValue | readonly AttributeValue[]>>;

/** Whom and what to leave out of a watch. */
export interface Filters {
  readonly where?: Where;
  /** Seconds: leaves out positions whose timestamp is older. */
  readonly maxAge?: number;
  /** Messages per second, at the most: 0.001 … 1000. What comes in between is merged. */
  readonly maxRate?: number;
  /** Metres, 0 … 100,000: moves shorter than that since the last one told are kept back. */
  readonly minDisplacement?: number;
}

/** What an update changes: what is absent stays, `null` removes. */
export interface Patch {
  readonly latitude?: number | null;
  readonly longitude?: number | null;
  readonly radius?: number | null;
  readonly bbox?: Box['bbox'] | null;
  readonly polygon?: PolygonArea['polygon'] | null;
  readonly around?: string | null;
  readonly where?: Where | null;
  readonly maxAge?: number | null;
  readonly maxRate?: number | null;
  readonly minDisplacement?: number | null;
}

/** An area with its filters, by the names of the wire; absent fields are absent. */
export type Order = Readonly<Record<string, unknown>>;

const AREA = ['latitude', 'longitude', 'radius', 'bbox', 'polygon', 'around'] as const;
const FILTERS = ['where', 'maxAge', 'maxRate', 'minDisplacement'] as const;

/** The order for an area and filters. */
export function orderOf(area: Area, filters: Filters): Order {
  const order = { ...present(area as Order, AREA), ...present(filters as Order, FILTERS) };
  for (const name of Object.keys(order)) order[name] = copied(order[name]);
  return order;
}

/** What is known of a patch, as it is now. */
export function patchOf(given: Patch): Patch {
  const patch: Record<string, unknown> = {};
  for (const name of [...AREA, ...FILTERS]) if (given[name] !== undefined) patch[name] = copied(given[name]);
  return patch as Patch;
}

/**
 * An order after an update, as the server does it: fields of another kind of area replace the area, of which a circle's
 * centre and the radius may each be left as they are; nothing but `null` is the whole fleet. What names no whole area stays
 * as it is given, for the server to refuse.
 */
export function patched(order: Order, patch: Patch): Order {
  const fields = patch as Order;
  const filters = { ...present(order, FILTERS), ...present(fields, FILTERS) };
  for (const name of FILTERS) if (fields[name] === null) delete filters[name];
  return { ...areaAfter(order, fields), ...filters };
}

function areaAfter(order: Order, patch: Order): Record<string, unknown> {
  const given = present(patch, AREA);
  if (Object.keys(given).length === 0) return AREA.some((name) => patch[name] === null) ? {} : present(order, AREA);
  const isSquare = isGiven(given.bbox) || isGiven(given.polygon);
  if (isSquare || !isGiven(order.radius)) return given;
  given.radius ??= order.radius;
  if (isGiven(given.around)) return given;
  const isMoved = isGiven(given.latitude) || isGiven(given.longitude);
  if (!isMoved && isGiven(order.around)) return { ...given, around: order.around };
  // One coordinate alone goes with the other that was.
  for (const name of ['latitude', 'longitude']) {
    if (patch[name] === undefined && isGiven(order[name])) given[name] = order[name];
  }
  return given;
}

/** The fields of an `update` that makes `to` of the order `from`. */
export function difference(from: Order, to: Order): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const changed = (name: string) => JSON.stringify(from[name]) !== JSON.stringify(to[name]);
  if (AREA.some(changed)) {
    Object.assign(fields, present(to, AREA));
    // Nothing given is no change, so the whole fleet has to be said.
    if (Object.keys(fields).length === 0) for (const name of AREA) fields[name] = null;
  }
  for (const name of FILTERS) if (changed(name)) fields[name] = to[name] ?? null;
  return fields;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function present(from: Order, names: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name of names) if (isGiven(from[name])) fields[name] = from[name];
  return fields;
}

/** A copy of its own: what an application does to its lists later is no order. (They may be proxies, of some framework.) */
function copied(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? JSON.parse(JSON.stringify(value)) : value;
}
