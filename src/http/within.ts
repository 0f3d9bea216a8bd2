import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Principal } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import { DomainError } from '../errors.ts';
import { toArea } from '../protocol/area.ts';
import { encodeFeatureCollection, GEOJSON } from '../protocol/geojson.ts';
import { encodeAnswer } from '../protocol/list.ts';
import { FILTERS, nextPath } from '../protocol/query.ts';
import { conditionInQuery } from '../protocol/where.ts';
import {
  DEFAULT_PAGE,
  LIST_PARAMETERS,
  readSearch,
  searchBodySchema,
  searchQuerySchema,
  withinAnswerSchema,
  withinCollectionSchema,
  withinQuerySchema,
} from '../protocol/within.ts';
import type { Area } from '../subscriptions/area.ts';
import type { Filters } from '../subscriptions/view.ts';
import type { Reads } from '../tracker.ts';
import { wantsGeoJson } from './accept.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { readJson } from './json-body.ts';
import { answer, responses, sendGeoJson, sendJson } from './responses.ts';
import { validatorCompiler } from './validation.ts';

/** What the routes of areas need. */
export interface WithinDeps {
  readonly reads: Reads;
  readonly authenticate: Authenticate;
  readonly now: () => number;
  readonly maxRadiusMeters: number;
}

const PAGING = `In the order of their driverIds (by Unicode code point), a page at a time: ask for \`next\`, as it is, until an answer has none. Whoever is inside from the first page to the last comes exactly once, however many move meanwhile. A page may have fewer than \`limit\` drivers, even none, and a \`next\` all the same, as the work for one is bounded.`;

/** `GET /v1/drivers` and `POST /v1/drivers/search`. */
export const withinRoutes: FastifyPluginAsyncZod<WithinDeps> = async (app, deps) => {
  const { reads, now } = deps;
  const canRead = allow(deps.authenticate, (principal: Principal) => principal.canRead, 'positions:read');
  readJson(app, GEOJSON);

  interface Asked extends Filters {
    readonly limit?: number;
    readonly after?: string;
  }
  const send = (request: FastifyRequest, reply: FastifyReply, area: Area, asked: Asked) => {
    const { sight } = principalOf(request);
    const page = reads.within(sight, area, asked, asked.limit ?? DEFAULT_PAGE, asked.after);
    return afterWait(request, page, (perhaps) => {
      const found = known(perhaps);
      const path = request.routeOptions.url as string;
      const next = found.next === undefined ? undefined : nextPath(path, request.url, LIST_PARAMETERS, found.next);
      if (wantsGeoJson(request, reply)) {
        return sendGeoJson(reply, encodeFeatureCollection(found, now(), next));
      }
      return sendJson(reply, encodeAnswer(found, now(), next));
    });
  };

  app.get(
    '/v1/drivers',
    {
      onRequest: canRead,
      schema: {
        operationId: 'within',
        tags: ['drivers'],
        summary: 'Who is within an area',
        description: `The drivers within an area: \`bbox\` | \`latitude\`, \`longitude\`, \`radius\` | \`polygon\` | \`around\`, \`radius\`; none is the whole fleet. ${PAGING} ${FILTERS} For a polygon of many positions, see \`POST /v1/drivers/search\`.`,
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: withinQuerySchema(deps.maxRadiusMeters),
        response: responses(
          { 200: answer('A page, by driverId.', withinAnswerSchema, withinCollectionSchema) },
          400,
          401,
          403,
          404,
        ),
      },
    },
    (request, reply) => {
      const { query } = request;
      return send(request, reply, toArea(query), { ...query, where: conditionInQuery(query) });
    },
  );

  app.post(
    '/v1/drivers/search',
    {
      onRequest: canRead,
      // The schema of the body is the contract; what it means is read below, with clearer faults.
      validatorCompiler: (route) =>
        route.httpPart === 'body' ? (value) => ({ value }) : validatorCompiler(route as never),
      schema: {
        operationId: 'search',
        tags: ['drivers'],
        summary: 'Who is within a polygon',
        description: `The drivers within a GeoJSON Polygon or MultiPolygon: the geometry itself, a Feature with it, or \`{"polygon": …}\` with the filters beside it. Filters, \`maxAge\`, \`limit\` and \`after\` can be in the query string too, but only \`after\` in both places, where that of the query string goes. \`next\` is the path to send the same body to. ${PAGING} ${FILTERS}`,
        security: [{ token: [] }],
        consumes: ['application/json', GEOJSON],
        querystring: searchQuerySchema,
        body: searchBodySchema,
        response: responses(
          { 200: answer('A page, by driverId.', withinAnswerSchema, withinCollectionSchema) },
          400,
          401,
          403,
          413,
          415,
        ),
      },
    },
    (request, reply) => {
      const search = readSearch(request.query, conditionInQuery(request.query), request.body);
      return send(request, reply, search.polygon, search);
    },
  );
};

/** What was found, unless the area goes around a driver that is not known. @throws {DomainError} `not_found` */
export function known<T>(found: T | undefined): T {
  if (found !== undefined) return found;
  throw new DomainError('not_found', 'The driver that the area goes around is not known.');
}
