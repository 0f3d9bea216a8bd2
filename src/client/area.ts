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
/** The fields that tell which kind an area is. `radius` is of two kinds. */
const KINDS: readonly (readonly string[])[] = [['latitude', 'longitude'], ['bbox'], ['polygon'], ['around']];

/** The order for an area and filters. */
export function orderOf(area: Area, filters: Filters): Order {
  return { ...present(area as Order, AREA), ...present(filters as Order, FILTERS) };
}

/** An order after an update: the fields of another kind of area replace the area, all of them `null` is the whole fleet. */
export function patched(order: Order, patch: Patch): Order {
  const next: Record<string, unknown> = { ...order };
  const fields = patch as Order;
  for (const kind of KINDS) {
    if (kind.every((name) => !isGiven(fields[name]))) continue;
    for (const other of KINDS) if (other !== kind) for (const name of other) delete next[name];
    if (kind[0] === 'bbox' || kind[0] === 'polygon') delete next.radius;
  }
  for (const name of [...AREA, ...FILTERS]) {
    if (fields[name] === null && name !== 'radius') delete next[name];
    else if (isGiven(fields[name])) next[name] = fields[name];
  }
  // Half a centre is none; a radius belongs to a centre, and goes with it.
  if (next.latitude === undefined || next.longitude === undefined) {
    delete next.latitude;
    delete next.longitude;
    if (next.around === undefined && !isGiven(fields.radius)) delete next.radius;
  }
  return next;
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
  // To remove a condition, an empty one says the same, and every version knows it.
  if (fields.where === null) fields.where = {};
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
