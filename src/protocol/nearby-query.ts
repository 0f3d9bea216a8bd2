import { z } from 'zod';
import { DEFAULT_RADIUS, radiusSchema } from './area.ts';
import { latitudeSchema, longitudeSchema } from './fix.ts';
import { inQuery, isDecimal, isFilter } from './query.ts';
import { NOT_FILTERS, refuse } from './refuse.ts';
import { limitSchema, MAX_LIMIT, maxAgeSchema } from './rest.ts';

/** How many drivers `nearby` answers with when it names no limit. */
const DEFAULT_LIMIT = 20;

const OTHER_AREA = 'is not of this call: ask GET /v1/drivers or POST /v1/drivers/search';
const REFUSED = { ...NOT_FILTERS, bbox: OTHER_AREA, polygon: OTHER_AREA, around: OTHER_AREA };

/** @param maxRadius MAX_RADIUS_METERS */
export const nearbyQuerySchema = (maxRadius: number) =>
  refuse(
    z.looseObject({
      latitude: inQuery(latitudeSchema),
      longitude: inQuery(longitudeSchema),
      radius: inQuery(
        radiusSchema(maxRadius)
          .default(Math.min(DEFAULT_RADIUS, maxRadius))
          .meta({ description: 'Metres along the WGS84 ellipsoid. The rim is inside.', example: 2000 }),
      ),
      limit: inQuery(limitSchema('drivers', DEFAULT_LIMIT, MAX_LIMIT).default(DEFAULT_LIMIT)),
      maxAge: inQuery(maxAgeSchema.optional()),
    }),
    REFUSED,
  );

/** What a query of `nearby` means; filters are left in it. */
export type NearbyQuery = z.output<ReturnType<typeof nearbyQuerySchema>>;

/**
 * The same by hand, for a query that breaks no rule; `undefined` for any other, which the schema is to say what is wrong
 * with. It is the hot path, and the schema takes longer than the search.
 *
 * @param maxRadius MAX_RADIUS_METERS
 */
export function readNearbyQuery(query: Readonly<Record<string, unknown>>, maxRadius: number): NearbyQuery | undefined {
  for (const name in REFUSED) if (query[name] !== undefined) return undefined;
  const latitude = decimal(query.latitude, Number.NaN, -90, 90);
  const longitude = decimal(query.longitude, Number.NaN, -180, 180);
  const radius = decimal(query.radius, Math.min(DEFAULT_RADIUS, maxRadius), 0, maxRadius);
  const limit = decimal(query.limit, DEFAULT_LIMIT, 1, Number.MAX_SAFE_INTEGER);
  const maxAge = decimal(query.maxAge, 0, 0, Number.MAX_VALUE);
  if (Number.isNaN(latitude + longitude + radius + maxAge) || !Number.isInteger(limit)) return undefined;
  const read: NearbyQuery = { latitude, longitude, radius, limit: Math.min(limit, MAX_LIMIT) };
  if (query.maxAge !== undefined) read.maxAge = maxAge;
  for (const name in query) if (isFilter(name)) read[name] = query[name];
  return read;
}

/** A number in a range, what stands for an absent one, or NaN. */
function decimal(value: unknown, absent: number, least: number, greatest: number): number {
  if (value === undefined) return absent;
  if (typeof value !== 'string' || !isDecimal(value)) return Number.NaN;
  const number = Number(value);
  return number >= least && number <= greatest ? number : Number.NaN;
}
