import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import { DomainError } from '../errors.ts';
import { Circle } from '../geo/circle.ts';
import { driverIdSchema } from '../protocol/fix.ts';
import { encodeFeature, encodeFeatureCollection } from '../protocol/geojson.ts';
import { encodeAnswer } from '../protocol/list.ts';
import { nearbyQuerySchema, readNearbyQuery } from '../protocol/nearby-query.ts';
import { FILTERS } from '../protocol/query.ts';
import { driverAnswerSchema, featureCollectionSchema, featureSchema, nearbyAnswerSchema } from '../protocol/rest.ts';
import { conditionInQuery } from '../protocol/where.ts';
import type { Reads, Tracker, Waits } from '../tracker.ts';
import { wantsGeoJson } from './accept.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { offDutyRoute } from './off-duty.ts';
import { answer, responses, sendGeoJson, sendJson } from './responses.ts';
import { quickly } from './validation.ts';

/** What the routes of drivers need. */
export interface DriversDeps {
  readonly tracker: Tracker;
  readonly reads: Reads;
  /** Absent: this is the only instance. */
  readonly waits?: Waits;
  readonly authenticate: Authenticate;
  readonly now: () => number;
  readonly maxRadiusMeters: number;
}

/** `GET /v1/drivers/nearby`, `GET /v1/drivers/{driverId}`, and `DELETE` of the latter. */
export const driverRoutes: FastifyPluginAsyncZod<DriversDeps> = async (app, deps) => {
  const { reads, now } = deps;
  const canRead = allow(deps.authenticate, (principal: Principal) => principal.canRead, 'positions:read');

  app.get(
    '/v1/drivers/nearby',
    {
      onRequest: canRead,
      validatorCompiler: quickly((query) => readNearbyQuery(query, deps.maxRadiusMeters)),
      schema: {
        operationId: 'nearby',
        tags: ['drivers'],
        summary: 'Who is near a point',
        description: `The drivers within a radius of a point, nearest first. Equally far ones are ordered by driverId. ${FILTERS}`,
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: nearbyQuerySchema(deps.maxRadiusMeters),
        response: responses(
          { 200: answer('Nearest first.', nearbyAnswerSchema, featureCollectionSchema) },
          400,
          401,
          403,
        ),
      },
    },
    (request, reply) => {
      const { query } = request;
      const where = conditionInQuery(query);
      const { sight } = principalOf(request);
      const circle = new Circle(query.latitude, query.longitude, query.radius);
      const isGeoJson = wantsGeoJson(request, reply);
      return afterWait(request, reads.nearby(sight, circle, query.limit, { where, maxAge: query.maxAge }), (found) =>
        isGeoJson
          ? sendGeoJson(reply, encodeFeatureCollection(found, now()))
          : sendJson(reply, encodeAnswer(found, now())),
      );
    },
  );

  app.get(
    '/v1/drivers/:driverId',
    {
      onRequest: canRead,
      schema: {
        operationId: 'driver',
        tags: ['drivers'],
        summary: 'Where one driver is',
        security: [{ token: [] }, { tokenInQuery: [] }],
        params: z.object({ driverId: driverIdSchema }),
        response: responses(
          { 200: answer('The latest position.', driverAnswerSchema, featureSchema) },
          400,
          401,
          403,
          404,
        ),
      },
    },
    (request, reply) => {
      const found = reads.driver(principalOf(request).sight, request.params.driverId);
      return afterWait(request, found, (driver) => {
        if (driver === undefined)
          throw new DomainError('not_found', 'There is no such driver, or nothing was heard of it.');
        if (wantsGeoJson(request, reply))
          return sendGeoJson(reply, encodeFeature(driver.position, { serverTime: now() }));
        return sendJson(reply, `${driver.encoded},"serverTime":${now()}}`);
      });
    },
  );
  await app.register(offDutyRoute, deps);
};
