import { z } from 'zod';
import { DomainError, type Fault } from '../errors.ts';
import type { Polygon } from '../geo/polygon.ts';
import type { Where } from '../subscriptions/where.ts';
import { AREA_FIELDS, areaInQuery, oneArea } from './area.ts';
import { parse } from './faults.ts';
import { driverIdSchema } from './fix.ts';
import { polygonSchema } from './polygon.ts';
import { positionAtDistanceSchema } from './position.ts';
import { inQuery } from './query.ts';
import { NOT_FILTERS, refuse } from './refuse.ts';
import { cursor, featureCollectionSchema, limitSchema, MAX_LIMIT, maxAgeSchema, serverTime } from './rest.ts';
import { whereSchema } from './where.ts';

/** How many drivers a page has when no limit is named. */
export const DEFAULT_PAGE = 100;

const limit = limitSchema('drivers', DEFAULT_PAGE, MAX_LIMIT);
const after = driverIdSchema.meta({
  description: 'The page has drivers after this driverId, by Unicode code point. `next` brings it along.',
});

const paging = {
  maxAge: inQuery(maxAgeSchema.optional()),
  limit: inQuery(limit.optional()),
  after: after.optional(),
};

/** The parameters of a list of drivers that its next page is asked for with. */
export const LIST_PARAMETERS = [...AREA_FIELDS, 'maxAge', 'limit'] as const;

/** @param maxRadius MAX_RADIUS_METERS */
export const withinQuerySchema = (maxRadius: number) =>
  oneArea(refuse(z.looseObject({ ...areaInQuery(maxRadius), ...paging }), NOT_FILTERS));

/** How else an area could be given, with what is said of it beside a polygon. */
const OTHER_AREAS = Object.fromEntries(
  ['bbox', 'latitude', 'longitude', 'radius', 'around'].map((name) => [
    name,
    'must not come with a polygon: an area is of one kind',
  ]),
);

/** The query string of a search, whose area is in the body. */
export const searchQuerySchema = refuse(z.looseObject(paging), {
  ...OTHER_AREAS,
  polygon: 'belongs into the body',
  ...NOT_FILTERS,
});

const searchSchema = refuse(
  z.looseObject({
    polygon: polygonSchema,
    where: whereSchema.optional(),
    maxAge: maxAgeSchema.optional(),
    limit: limit.optional(),
    after: after.optional(),
  }),
  { ...OTHER_AREAS, attributes: 'is not a filter here: write "where":{"NAME":"VALUE"}' },
).meta({ id: 'Search', description: 'A polygon, and what to leave out.' });

const featureSchema = z
  .looseObject({ type: z.literal('Feature'), geometry: polygonSchema })
  .meta({ id: 'PolygonFeature', description: 'A GeoJSON Feature with a polygon; its properties are passed over.' });

/** Every body that a search takes, for the contract; {@link readSearch} reads them. */
export const searchBodySchema = z.union([polygonSchema, featureSchema, searchSchema]);

/** What a search asks for. */
export interface Search {
  readonly polygon: Polygon;
  readonly where?: Where;
  readonly maxAge?: number;
  readonly limit: number;
  readonly after?: string;
}

/** What the query string and the body of a search say together. @throws {DomainError} `invalid` */
export function readSearch(query: z.output<typeof searchQuerySchema>, where: Where | undefined, body: unknown): Search {
  const inBody = readBody(body);
  const faults: Fault[] = [];
  const either = <T>(
    field: string,
    a: T | undefined,
    b: T | undefined,
    message = 'must not be in the query string too',
  ): T | undefined => {
    if (a !== undefined && b !== undefined) faults.push({ field, message });
    return a ?? b;
  };
  const search = {
    polygon: inBody.polygon,
    where: either('where', inBody.where, where, 'must not come with attributes.NAME in the query string'),
    maxAge: either('maxAge', inBody.maxAge, query.maxAge),
    limit: either('limit', inBody.limit, query.limit) ?? DEFAULT_PAGE,
    // Not either: the path to the next page has one, and is asked with the same body.
    after: query.after ?? inBody.after,
  };
  if (faults.length > 0) throw DomainError.invalid(faults);
  return search;
}

type Body = Omit<Search, 'limit'> & { readonly limit?: number };

function readBody(body: unknown): Body {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const message = 'The body must be a GeoJSON Polygon or MultiPolygon, a Feature with one, or {"polygon": …}';
    throw DomainError.invalid([{ field: '', message }]);
  }
  if ('polygon' in body) return parse(searchSchema, body);
  const { type } = body as { type?: unknown };
  if (type === undefined) {
    const message = 'is required, unless the body is a GeoJSON Polygon, MultiPolygon or Feature itself';
    throw DomainError.invalid([{ field: 'polygon', message }]);
  }
  const misplaced = ['where', 'maxAge', 'limit', 'after'].filter((field) => field in body);
  if (misplaced.length > 0) {
    const message = 'has no place in GeoJSON: put it into the query string, or beside the geometry as {"polygon": …}';
    throw DomainError.invalid(misplaced.map((field) => ({ field, message })));
  }
  if (type === 'Feature') return { polygon: parse(featureSchema, body).geometry };
  if (type === 'Polygon' || type === 'MultiPolygon') return { polygon: parse(polygonSchema, body) };
  const message =
    'must be Polygon, MultiPolygon or Feature; of a FeatureCollection or GeometryCollection send one member';
  throw DomainError.invalid([{ field: 'type', message }]);
}

const next = z.string().optional().meta({
  description: 'The path of the next page, with the same parameters. Absent on the last one.',
  example: '/v1/drivers?bbox=-74.02,40.7,-73.93,40.8&limit=100&after=driver-216',
});

export const withinAnswerSchema = z
  .object({
    serverTime,
    cursor,
    truncated: z.literal(true).optional().meta({ description: 'There is a next page.' }),
    drivers: z.array(
      positionAtDistanceSchema.partial({ distance: true }).meta({
        id: 'PositionWithin',
        description: 'A position; with its distance from the centre where the area is a circle.',
      }),
    ),
    next,
  })
  .meta({
    id: 'Within',
    description:
      'Drivers within an area, by driverId. A page may have fewer than `limit`, even none, and a `next` all the same.',
  });

export const withinCollectionSchema = featureCollectionSchema
  .extend({ next })
  .meta({ id: 'WithinCollection', description: 'The same list as GeoJSON.' });
