import { z } from 'zod';
import type { Polygon } from '../geo/polygon.ts';
import type { View } from '../subscriptions/view.ts';
import { type AreaPatch, areaAfter, areaInQuery, areaSchemas, oneArea, toArea } from './area.ts';
import { number } from './fix.ts';
import { polygonInQuery, polygonSchema } from './polygon.ts';
import { inQuery } from './query.ts';
import { NOT_FILTERS, refuse } from './refuse.ts';
import { maxAgeSchema } from './rest.ts';
import { conditionInQuery, whereSchema } from './where.ts';

const MIN_RATE = 0.001;
const MAX_RATE = 1000;
const rateRule = `must be between ${MIN_RATE} and ${MAX_RATE} messages of changes a second`;
const maxRateSchema = number(rateRule).min(MIN_RATE, { error: rateRule }).max(MAX_RATE, { error: rateRule }).meta({
  description:
    'The most messages of changes a second; what happens between two is merged, the latest position wins. Snapshots and the answer to an update do not wait.',
  example: 1,
});

const MAX_DISPLACEMENT = 100_000;
const displacementRule = `must be between 0 and ${MAX_DISPLACEMENT} metres`;
const minDisplacementSchema = number(displacementRule)
  .min(0, { error: displacementRule })
  .max(MAX_DISPLACEMENT, { error: displacementRule })
  .meta({
    description:
      'Metres that a driver must be from where it was last told to be before a `move` tells of it, unless its attributes changed. Enter and exit are always told.',
    example: 25,
  });

const cursorSchema = z.string({ error: 'must be a string' }).meta({
  description:
    'The cursor of the last message or answer about the same area and filters: the snapshot then tells only what has changed since. One that the server cannot honour gives a full snapshot.',
});

/** How closely changes are told. */
const closeness = { maxRate: maxRateSchema.optional(), minDisplacement: minDisplacementSchema.optional() };

/** The most edges that may have to be looked at for every fix near a polygon that is watched. */
const MAX_EFFORT = 500;

/** A polygon to be watched: what a query pays for once is paid for by every fix there. */
const watchable = <T extends z.ZodType<Polygon | undefined>>(schema: T) =>
  schema.refine((polygon) => polygon === undefined || polygon.effort() <= MAX_EFFORT, {
    error: 'must not run to and fro over itself so much that each fix there would cost too much to place',
  });

/** What a subscription is asked for with, in a message. */
export const viewSchemas = (maxRadius: number) => ({
  ...areaSchemas(maxRadius),
  polygon: watchable(polygonSchema.optional()),
  where: whereSchema.optional(),
  maxAge: maxAgeSchema.optional(),
  ...closeness,
  cursor: cursorSchema.optional(),
});

type ViewFields = z.output<z.ZodObject<ReturnType<typeof viewSchemas>>>;

/** The view that a message asks for. */
export function toView(fields: ViewFields): View {
  const { where, maxAge, maxRate, minDisplacement } = fields;
  return { area: toArea(fields), where, maxAge, maxRate, minDisplacement };
}

/** The same in an update, where each may be null. */
export const viewPatchSchemas = (maxRadius: number) => {
  const { cursor: _, ...fields } = viewSchemas(maxRadius);
  return Object.fromEntries(
    Object.entries(fields).map(([name, schema]) => [name, schema.nullable()]),
  ) as unknown as Patched<typeof fields>;
};

type Patched<T extends Record<string, z.ZodOptional>> = { [K in keyof T]: z.ZodNullable<T[K]> };

type ViewPatch = z.output<z.ZodObject<ReturnType<typeof viewPatchSchemas>>>;

/** The view after an update: what is absent stays, what is null goes. @throws {DomainError} `invalid` */
export function viewAfter(before: View, patch: ViewPatch): View {
  const after = <T>(was: T | undefined, now: T | null | undefined): T | undefined =>
    now === undefined ? was : (now ?? undefined);
  return {
    area: areaAfter(before.area, patch as AreaPatch),
    where: after(before.where, patch.where),
    maxAge: after(before.maxAge, patch.maxAge),
    maxRate: after(before.maxRate, patch.maxRate),
    minDisplacement: after(before.minDisplacement, patch.minDisplacement),
  };
}

/** What a subscription is asked for with, in a query string; filters are left in it. */
export const viewInQuery = (maxRadius: number) => ({
  ...areaInQuery(maxRadius),
  polygon: watchable(polygonInQuery.optional()),
  maxAge: inQuery(maxAgeSchema.optional()),
  maxRate: inQuery(maxRateSchema.optional()),
  minDisplacement: inQuery(minDisplacementSchema.optional()),
  cursor: cursorSchema.optional(),
});

type ViewQuery = z.output<z.ZodObject<ReturnType<typeof viewInQuery>>> & Readonly<Record<string, unknown>>;

/** The query string of a call that makes a subscription. @param more its other parameters */
export const viewQuerySchema = <T extends z.ZodRawShape>(maxRadius: number, more: T) =>
  oneArea(refuse(z.looseObject({ ...viewInQuery(maxRadius), ...more }), NOT_FILTERS));

/** The view that a query string asks for. @throws {DomainError} `invalid` */
export function viewOfQuery(query: ViewQuery): View {
  return { ...toView(query), where: conditionInQuery(query) };
}
