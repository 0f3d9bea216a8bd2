import { z } from 'zod';
import type { Position } from '../fix.ts';
import { END_OF_TIME } from '../history/track-source.ts';
import { attributesSchema, number, timestampSchema, toTimestamp } from './fix.ts';
import { inQuery, isDecimal, isFilter } from './query.ts';
import { refuse, when } from './refuse.ts';
import { limitSchema, serverTime } from './rest.ts';

/** How many fixes are looked at for a page when no limit is named, and at the most. */
export const DEFAULT_FIXES = 1000;
export const MAX_FIXES = 10_000;
const MAX_TOLERANCE = 10_000;

/** A page of the track of one driver. */
export interface Track {
  readonly driverId: string;
  /** Oldest first. */
  readonly fixes: readonly Position[];
  /** The server's clock, epoch milliseconds. */
  readonly serverTime: number;
  /** The path to the next page. */
  readonly next?: string;
}

/** The parameters of a track that its next page is asked for with. */
export const TRACK_PARAMETERS = ['from', 'to', 'limit', 'simplify'] as const;

/**
 * A moment in a query string. A plus sign there is a space, unless it is written as %2B, which is easily forgotten of an
 * offset; no moment has a space.
 */
export const momentSchema = z.preprocess(
  (value) => {
    if (typeof value !== 'string') return value;
    return isDecimal(value) ? Number(value) : value.replace(/ (\d\d:\d\d)$/, '+$1');
  },
  timestampSchema.transform((moment) => Math.min(toTimestamp(moment), END_OF_TIME)),
);

const moment = (description: string) => momentSchema.optional().meta({ description, example: 1_763_766_000_000 });

const toleranceRule = `must be a number of metres above 0 and up to ${MAX_TOLERANCE}`;
const toleranceSchema = number(toleranceRule)
  .gt(0, { error: toleranceRule })
  .max(MAX_TOLERANCE, { error: toleranceRule })
  .meta({
    description:
      'Metres: leaves out fixes of a page that are not further than this from the line through the others. The first and the last fix of a page stay.',
    example: 10,
  });

const NO_FILTER = 'is not of this call: a track has all fixes of its time';

/** The query string of a track. */
export const trackQuerySchema = refuse(
  z.looseObject({
    from: moment(
      'The first moment of the track, included: epoch milliseconds, or ISO 8601 with an offset. Absent: all that is kept.',
    ),
    to: moment('The last moment of the track, included. Absent: up to the newest fix.'),
    limit: inQuery(limitSchema('fixes', DEFAULT_FIXES, MAX_FIXES).optional()),
    after: moment('The page has fixes after this moment. `next` brings it along.'),
    simplify: inQuery(toleranceSchema.optional()),
  }),
  { where: NO_FILTER, attributes: NO_FILTER, maxAge: NO_FILTER },
)
  .superRefine((query, context) => {
    for (const name in query) {
      if (isFilter(name)) context.addIssue({ code: 'custom', path: [name], message: NO_FILTER, input: query });
    }
  })
  .refine(({ from, to }) => !(Number(from) > Number(to)), { path: ['from'], error: 'must not be after to', when });

const numbers = (description: string) => z.array(z.number().nullable()).optional().meta({ description });
const at = z.array(z.number()).meta({ description: 'Longitude, latitude and, where all fixes have one, altitude.' });

/** A track as GeoJSON. */
export const trackFeatureSchema = z
  .object({
    type: z.literal('Feature'),
    id: z.string().meta({ description: 'The driverId.' }),
    geometry: z
      .union([
        z.object({ type: z.literal('LineString'), coordinates: z.array(at) }),
        z.object({ type: z.literal('Point'), coordinates: at }),
      ])
      .nullable()
      .meta({ description: 'Of one fix a point, of none null.' }),
    properties: z.object({
      driverId: z.string(),
      timestamps: z.array(z.int()).meta({
        description: 'When each fix was taken, in the order of the coordinates: epoch milliseconds.',
      }),
      receivedAt: z.array(z.int()).meta({ description: 'When the server received each.' }),
      altitude: numbers('Metres above the ellipsoid; where only some fixes have one, null for the others.'),
      accuracy: numbers('Metres, 95 % confidence; null where it is unknown, absent where it is so of all.'),
      heading: numbers('Degrees clockwise from true north; null and absent as accuracy.'),
      speed: numbers('Metres per second; null and absent as accuracy.'),
      attributes: z
        .array(z.object({ index: z.int().min(0), attributes: attributesSchema }))
        .optional()
        .meta({ description: 'The attributes from the fix of this index on, up to that of the next entry.' }),
      serverTime,
      truncated: z.literal(true).optional().meta({ description: 'There is a next page.' }),
      next: z.string().optional().meta({
        description: 'The path of the next page, with the same parameters. Absent on the last one.',
        example: '/v1/drivers/driver-216/track?from=1763766000000&after=1763769600000',
      }),
    }),
  })
  .meta({ id: 'Track', description: 'Where a driver was, oldest fix first.' });

/** A track as a table. */
export const trackTableSchema = z.string().meta({
  description: 'A line for each fix (RFC 4180), with names in the first.',
  example:
    'timestamp,time,latitude,longitude,altitude,accuracy,heading,speed,receivedAt,attributes\r\n1763766000000,2025-11-21T23:00:00.000Z,12.345,67.89,31,5,270,8.2,1763766000012,"{""status"":""available""}"\r\n',
});

/** A track as GPX. */
export const trackGpxSchema = z.string().meta({ description: 'GPX 1.1: one track of one segment.' });
