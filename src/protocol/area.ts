import { z } from 'zod';
import { Circle } from '../geo/circle.ts';
import type { Region } from '../geo/region.ts';
import type { Where } from '../subscriptions/where.ts';
import type { CircleArea } from '../tracker.ts';
import { bboxInQuery } from './bbox.ts';
import { parse } from './faults.ts';
import { latitudeSchema, longitudeSchema, number } from './fix.ts';
import { inQuery, whereInQuery } from './query.ts';

/** What a query looks within when it names no radius, metres. */
export const DEFAULT_RADIUS = 5000;

/** @param max MAX_RADIUS_METERS */
export const radiusSchema = (max: number) =>
  number('must be a number of metres')
    .min(0, { error: `must be between 0 and ${max}` })
    .max(max, { error: `must be between 0 and ${max}` });

const MAX_CONDITIONS = 16;
const MAX_ALLOWED = 64;
const conditionValue = z.union([z.string(), number(), z.boolean()]);

/** A condition on attributes, as `subscriptions/where.ts` evaluates it. */
export const whereSchema = z.preprocess(
  (where, context) => {
    if (typeof where !== 'object' || where === null) return where;
    const fault = (message: string) => {
      context.addIssue({ code: 'custom', message, input: where });
      return z.NEVER;
    };
    // Counted before any is looked at.
    if (Object.keys(where).length > MAX_CONDITIONS) return fault(`must have at most ${MAX_CONDITIONS} keys`);
    // A record would drop this key, and the condition would hold for everybody.
    if (Object.hasOwn(where, '__proto__')) return fault('must not have the key __proto__');
    return where;
  },
  z
    .record(
      z.string(),
      z.union([conditionValue, z.array(conditionValue).max(MAX_ALLOWED)], {
        error: `must be a string, number or boolean, or a list of at most ${MAX_ALLOWED} of them`,
      }),
      { error: 'must be an object' },
    )
    .meta({
      description: 'Each attribute must have the given value, or one of the given ones. At most 16 keys.',
      maxProperties: MAX_CONDITIONS,
      example: { status: 'available', seats: [4, 6] },
    }),
);

const filtersSchema = z.object({ attributes: whereSchema.optional() });

/** The condition in a query string, checked; `undefined` when there is none. @throws {DomainError} `invalid` */
export function conditionInQuery(query: Readonly<Record<string, unknown>>): Where | undefined {
  const attributes = whereInQuery(query);
  // Nearly every query has none or a plain one, of lists of strings: only their number can break a rule.
  if (attributes === undefined || isPlain(attributes)) return attributes;
  return parse(filtersSchema, { attributes }).attributes;
}

function isPlain(attributes: Readonly<Record<string, readonly string[]>>): boolean {
  let keys = 0;
  for (const key in attributes)
    if (++keys > MAX_CONDITIONS || key === '__proto__' || attributes[key].length > MAX_ALLOWED) return false;
  return true;
}

/** The fields of a circle, all required. */
export const circleFields = (maxRadius: number) => ({
  latitude: latitudeSchema,
  longitude: longitudeSchema,
  radius: radiusSchema(maxRadius).meta({ description: 'Metres along the WGS84 ellipsoid. The rim is inside.' }),
});

/** The circle that fields on the wire mean. */
export function toCircle(fields: { latitude: number; longitude: number; radius: number }): CircleArea {
  return { lat: fields.latitude, lng: fields.longitude, radius: fields.radius };
}

/** The fields of an area in a query string; see {@link oneArea}. */
export interface AreaInQuery {
  readonly bbox?: Region;
  readonly latitude?: number;
  readonly longitude?: number;
  readonly radius?: number;
}

const CIRCLE = ['latitude', 'longitude', 'radius'] as const;

/** The fields of an area in a query string, of which {@link oneArea} allows a box, a circle or none. */
export const areaInQuery = (maxRadius: number) => {
  const { latitude, longitude, radius } = circleFields(maxRadius);
  return {
    bbox: bboxInQuery.optional(),
    latitude: inQuery(
      latitude.optional().meta({ description: 'The centre of a circle; with `longitude` and `radius`.' }),
    ),
    longitude: inQuery(
      longitude.optional().meta({ description: 'The centre of a circle; with `latitude` and `radius`.' }),
    ),
    radius: inQuery(
      radius.optional().meta({
        description: 'Metres along the WGS84 ellipsoid, with `latitude` and `longitude`. The rim is inside.',
        example: 2000,
      }),
    ),
  };
};

// Rules on several fields are told together with those on one.
const when = () => true;

/**
 * Refuses fields that would change the answer if they were known there. Passed over, as unknown fields are, they would
 * give a wrong one.
 *
 * @param faults what to say, by name
 */
export function refuse<T extends z.ZodType>(schema: T, faults: Readonly<Record<string, string>>): T {
  let checked = schema;
  for (const [field, error] of Object.entries(faults)) {
    const isAbsent = (value: unknown) => (value as Record<string, unknown>)[field] === undefined;
    checked = checked.refine(isAbsent, { path: [field], error, when });
  }
  return checked;
}

/** What looks like a filter in a query string, and is none: passed over, it would give the whole list. */
export const NOT_FILTERS = {
  where: 'is not a parameter: write attributes.NAME=VALUE',
  attributes: 'is not a parameter: write attributes.NAME=VALUE',
} as const;

/** Lets a query through whose area is of one kind, and whole. */
export function oneArea<T extends z.ZodType<AreaInQuery>>(schema: T): T {
  const ofCircle = (query: AreaInQuery) => CIRCLE.some((name) => query[name] !== undefined);
  let checked = refuse(schema, {
    polygon: 'belongs into the body of POST /v1/drivers/search',
    around: 'is not known to this version',
    ...NOT_FILTERS,
  }).refine((query) => query.bbox === undefined || !ofCircle(query), {
    path: ['bbox'],
    error: 'must not come with latitude, longitude or radius: an area is a box or a circle',
    when,
  });
  for (const field of CIRCLE) {
    const isWhole = (query: AreaInQuery) => query.bbox !== undefined || query[field] !== undefined || !ofCircle(query);
    checked = checked.refine(isWhole, {
      path: [field],
      error: 'is required: a circle is latitude, longitude and radius',
      when,
    });
  }
  return checked;
}

/** The region that the fields of a query mean; `undefined` is everywhere. */
export function toRegion({ bbox, latitude, longitude, radius }: AreaInQuery): Region | undefined {
  if (bbox !== undefined) return bbox;
  if (latitude === undefined || longitude === undefined || radius === undefined) return undefined;
  return new Circle(latitude, longitude, radius);
}
