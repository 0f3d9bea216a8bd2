import type { z } from 'zod';
import { DomainError } from '../errors.ts';
import { Circle } from '../geo/circle.ts';
import { EVERYWHERE } from '../geo/everywhere.ts';
import type { Region } from '../geo/region.ts';
import { type Area, Around } from '../subscriptions/area.ts';
import { bboxInQuery, bboxSchema } from './bbox.ts';
import { driverIdSchema, latitudeSchema, longitudeSchema, number } from './fix.ts';
import { polygonInQuery, polygonSchema } from './polygon.ts';
import { inQuery } from './query.ts';
import { when } from './refuse.ts';

/** What a query looks within when it names no radius, metres. */
export const DEFAULT_RADIUS = 5000;

/** @param max MAX_RADIUS_METERS */
export const radiusSchema = (max: number) =>
  number('must be a number of metres')
    .min(0, { error: `must be between 0 and ${max}` })
    .max(max, { error: `must be between 0 and ${max}` });

/** The fields of an area as they are read; which of them may come together is for {@link oneArea} to say. */
export interface AreaFields {
  readonly latitude?: number;
  readonly longitude?: number;
  readonly radius?: number;
  readonly bbox?: Region;
  readonly polygon?: Region;
  readonly around?: string;
}

/** The names of the fields of an area. */
export const AREA_FIELDS = ['latitude', 'longitude', 'radius', 'bbox', 'polygon', 'around'] as const;

const fields = (maxRadius: number) => ({
  latitude: latitudeSchema.meta({ description: 'The centre of a circle; with `longitude` and `radius`.' }),
  longitude: longitudeSchema.meta({ description: 'The centre of a circle; with `latitude` and `radius`.' }),
  radius: radiusSchema(maxRadius).meta({
    description:
      'Metres along the WGS84 ellipsoid, of a circle or of an area around a driver. The rim is inside. At most `MAX_RADIUS_METERS`.',
    example: 2000,
  }),
  around: driverIdSchema.meta({
    description:
      'A driverId; with `radius`. The circle goes where the driver goes, holds the driver too, and nobody while the driver is not known.',
  }),
});

/** The fields of an area in a message, all of which may be absent: that is the whole fleet. */
export const areaSchemas = (maxRadius: number) => {
  const { latitude, longitude, radius, around } = fields(maxRadius);
  return {
    latitude: latitude.optional(),
    longitude: longitude.optional(),
    radius: radius.optional(),
    bbox: bboxSchema.optional(),
    polygon: polygonSchema.optional(),
    around: around.optional(),
  };
};

/** The same in a query string. */
export const areaInQuery = (maxRadius: number) => {
  const { latitude, longitude, radius, around } = fields(maxRadius);
  return {
    bbox: bboxInQuery.optional(),
    latitude: inQuery(latitude.optional()),
    longitude: inQuery(longitude.optional()),
    radius: inQuery(radius.optional()),
    around: around.optional(),
    polygon: polygonInQuery.optional(),
  };
};

/** A broken rule of several fields: the field that is to be named, and what it must be. */
type Broken = readonly [field: (typeof AREA_FIELDS)[number], message: string];

/** The rules that the fields of an area break together. `given` tells whether a field is there. */
function broken(given: (field: (typeof AREA_FIELDS)[number]) => boolean): Broken[] {
  const kinds = (['bbox', 'polygon', 'around'] as const).filter(given);
  const centre = given('latitude') || given('longitude');
  if (kinds.length > 1) return [[kinds[1], `must not come with ${kinds[0]}: an area is of one kind`]];
  const [kind] = kinds;
  if (kind !== undefined && centre) {
    return [[kind, 'must not come with latitude or longitude: an area is of one kind']];
  }
  if (kind === 'around') {
    return given('radius') ? [] : [['radius', 'is required: an area around a driver is around and radius']];
  }
  if (kind !== undefined) {
    return given('radius') ? [[kind, 'must not come with radius: an area is of one kind']] : [];
  }
  if (!centre && !given('radius')) return [];
  return (['latitude', 'longitude', 'radius'] as const)
    .filter((field) => !given(field))
    .map((field) => [field, 'is required: a circle is latitude, longitude and radius']);
}

/** Lets through only what names an area of one kind, and whole, or none. */
export function oneArea<T extends z.ZodType>(schema: T): T {
  return schema.superRefine(
    (value, context) => {
      const fields = value as Readonly<Record<string, unknown>>;
      // What is there and wrong is told by its own rule, and is still there.
      for (const [field, message] of broken((name) => fields?.[name] !== undefined)) {
        context.addIssue({ code: 'custom', path: [field], message, input: fields });
      }
    },
    { when },
  ) as unknown as T;
}

/** The area that fields mean which {@link oneArea} let through. */
export function toArea({ bbox, polygon, around, latitude, longitude, radius }: AreaFields): Area {
  if (bbox !== undefined) return bbox;
  if (polygon !== undefined) return polygon;
  if (radius === undefined) return EVERYWHERE;
  if (around !== undefined) return new Around(around, radius);
  return new Circle(latitude as number, longitude as number, radius);
}

/** The same fields in an update, where null takes one away. */
export type AreaPatch = { readonly [F in keyof AreaFields]: AreaFields[F] | null };

/**
 * The area after an update: what it names replaces the area before, of which a circle's centre and the radius may each be
 * left as they are. Nothing but nulls is the whole fleet. @throws {DomainError} `invalid`
 */
export function areaAfter(before: Area, patch: AreaPatch): Area {
  const given = (field: keyof AreaFields) => patch[field] !== undefined && patch[field] !== null;
  if (!AREA_FIELDS.some(given)) {
    return AREA_FIELDS.some((field) => patch[field] === null) ? EVERYWHERE : before;
  }
  const fields = Object.fromEntries(AREA_FIELDS.filter(given).map((name) => [name, patch[name]])) as {
    -readonly [F in keyof AreaFields]: AreaFields[F];
  };
  const isRound = before instanceof Circle || before instanceof Around;
  const isSquare = fields.bbox !== undefined || fields.polygon !== undefined;
  if (isRound && !isSquare) {
    fields.radius ??= before.radius;
    if (fields.around === undefined && fields.latitude === undefined && fields.longitude === undefined) {
      if (before instanceof Around) fields.around = before.driverId;
      else {
        fields.latitude = before.lat;
        fields.longitude = before.lng;
      }
    }
  }
  const faults = broken((field) => fields[field] !== undefined).map(([field, message]) => ({ field, message }));
  if (faults.length > 0) throw DomainError.invalid(faults);
  return toArea(fields);
}
