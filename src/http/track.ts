import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import { DomainError } from '../errors.ts';
import { simplify } from '../geo/simplify.ts';
import { isKnown, readPage } from '../history/track-page.ts';
import { END_OF_TIME, type TrackSource } from '../history/track-source.ts';
import { driverIdSchema } from '../protocol/fix.ts';
import { GEOJSON } from '../protocol/geojson.ts';
import { nextPath } from '../protocol/query.ts';
import {
  DEFAULT_FIXES,
  TRACK_PARAMETERS,
  type Track,
  trackFeatureSchema,
  trackGpxSchema,
  trackQuerySchema,
  trackTableSchema,
} from '../protocol/track.ts';
import { CSV, encodeTrackCsv } from '../protocol/track-csv.ts';
import { encodeTrackGeoJson } from '../protocol/track-geojson.ts';
import { encodeTrackGpx, GPX } from '../protocol/track-gpx.ts';
import type { Reads } from '../tracker.ts';
import { negotiate } from './accept.ts';
import { allow, principalOf } from './access.ts';
import { responses, sendText } from './responses.ts';

/** What the route of tracks needs. */
export interface TrackDeps {
  readonly reads: Reads;
  /** Absent on a server that keeps no history. */
  readonly tracks?: TrackSource;
  readonly authenticate: Authenticate;
  readonly now: () => number;
}

/** GeoJSON goes by the name of JSON too, which many clients ask for by habit, and which it is. */
const ENCODERS = {
  [GEOJSON]: encodeTrackGeoJson,
  'application/json': encodeTrackGeoJson,
  [CSV]: encodeTrackCsv,
  [GPX]: encodeTrackGpx,
} as const;
const TYPES = Object.keys(ENCODERS) as [keyof typeof ENCODERS];

const CONTENT = {
  [GEOJSON]: { schema: trackFeatureSchema },
  'application/json': { schema: trackFeatureSchema },
  [CSV]: { schema: trackTableSchema },
  [GPX]: { schema: trackGpxSchema },
};

const DESCRIPTION = `All fixes of a driver, late ones in their place, in the order of their timestamps, a page at a time: ask for \`next\`, which is in the header \`Link\` too, until an answer has none. As GeoJSON, or by \`Accept\` as CSV or GPX. \`simplify\` leaves out fixes that are hardly to be seen in the line of the others; a page may then have fewer than \`limit\`.`;

/** `GET /v1/drivers/{driverId}/track`. */
export const trackRoutes: FastifyPluginAsyncZod<TrackDeps> = async (app, { reads, tracks, authenticate, now }) => {
  const canRead = allow(authenticate, (principal: Principal) => principal.canReadHistory, 'positions:read');

  app.get(
    '/v1/drivers/:driverId/track',
    {
      onRequest: canRead,
      schema: {
        operationId: 'track',
        tags: ['history'],
        summary: 'Where a driver was',
        description: DESCRIPTION,
        security: [{ token: [] }, { tokenInQuery: [] }],
        params: z.object({ driverId: driverIdSchema }),
        querystring: trackQuerySchema,
        response: responses(
          { 200: { description: 'A page, oldest first.', content: CONTENT } },
          400,
          401,
          403,
          404,
          503,
        ),
      },
    },
    async (request, reply) => {
      if (tracks === undefined) throw new DomainError('not_found', 'This server keeps no history.');
      const { sight } = principalOf(request);
      const { driverId } = request.params;
      const { from = 0, to = END_OF_TIME, after = -1, limit = DEFAULT_FIXES, simplify: tolerance } = request.query;
      const first = Math.max(from, after + 1);
      const page = await readPage(tracks, sight, driverId, first, to, limit);
      const last = page.fixes.at(-1);
      // Where all that is kept was looked through, to do so again would find nothing either.
      const isElsewhere = first > 0 || to < END_OF_TIME;
      if (
        last === undefined &&
        (await reads.driver(sight, driverId)) === undefined &&
        !(isElsewhere && (await isKnown(tracks, sight, driverId)))
      ) {
        throw new DomainError('not_found', 'There is no such driver, or nothing that it sent is kept.');
      }
      const fixes =
        tolerance === undefined ? page.fixes : simplify(page.fixes, tolerance).map((index) => page.fixes[index]);
      const path = `/v1/drivers/${encodeURIComponent(driverId)}/track`;
      const next =
        last !== undefined && page.truncated
          ? nextPath(path, request.url, TRACK_PARAMETERS, String(last.timestamp))
          : undefined;
      if (next !== undefined) reply.header('link', `<${next}>; rel="next"`);
      const track: Track = { driverId, fixes, serverTime: now(), next };
      const type = negotiate(request, reply, TYPES);
      return sendText(reply, `${type}; charset=utf-8`, ENCODERS[type](track));
    },
  );
};
