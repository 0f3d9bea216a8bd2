import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { toArea } from '../protocol/area.ts';
import {
  CELL_PARAMETERS,
  cellCollectionSchema,
  cellsAnswerSchema,
  cellsQuerySchema,
  DEFAULT_CELLS,
  encodeCellCollection,
  encodeCells,
  MAX_OUTLINES,
} from '../protocol/cells.ts';
import { FILTERS, nextPath } from '../protocol/query.ts';
import { conditionInQuery } from '../protocol/where.ts';
import { wantsGeoJson } from './accept.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { answer, responses, sendGeoJson, sendJson } from './responses.ts';
import { known, type WithinDeps } from './within.ts';

const PATH = '/v1/cells';

/** `GET /v1/cells`. */
export const cellRoutes: FastifyPluginAsyncZod<WithinDeps> = async (app, deps) => {
  const { reads, now } = deps;

  app.get(
    PATH,
    {
      onRequest: allow(deps.authenticate, (principal) => principal.canRead, 'positions:read'),
      schema: {
        operationId: 'cells',
        tags: ['drivers'],
        summary: 'How many are where: drivers counted by H3 cell',
        description: `The drivers within an area (\`bbox\` | \`latitude\`, \`longitude\`, \`radius\` | \`polygon\` | \`around\`, \`radius\`; none is the whole fleet), counted by the H3 cell that they are in. Cells without drivers are left out. At the area's edge only the drivers inside count, not all of the cell. In the order of the cells' indexes, a page at a time: ask for \`next\`, as it is, until an answer has none. ${FILTERS}`,
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: cellsQuerySchema(deps.maxRadiusMeters),
        response: responses(
          { 200: answer('A page, by cell.', cellsAnswerSchema, cellCollectionSchema) },
          400,
          401,
          403,
          404,
        ),
      },
    },
    (request, reply) => {
      const { query } = request;
      const { resolution, maxAge, after } = query;
      const filters = { where: conditionInQuery(query), maxAge };
      const geoJson = wantsGeoJson(request, reply);
      const limit = Math.min(query.limit ?? DEFAULT_CELLS, geoJson ? MAX_OUTLINES : Number.POSITIVE_INFINITY);
      const { sight } = principalOf(request);
      return afterWait(request, reads.cells(sight, toArea(query), resolution, filters, limit, after), (perhaps) => {
        const found = known(perhaps);
        const next = found.next === undefined ? undefined : nextPath(PATH, request.url, CELL_PARAMETERS, found.next);
        if (geoJson) {
          return sendGeoJson(reply, encodeCellCollection(found.cells, resolution, now(), next));
        }
        return sendJson(reply, encodeCells(found.cells, resolution, now(), next));
      });
    },
  );
};
