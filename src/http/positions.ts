import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Authenticate } from '../auth/tokens.ts';
import { DomainError } from '../errors.ts';
import type { Ingest } from '../ingest.ts';
import { parse } from '../protocol/faults.ts';
import { positionsBodySchema, resultsSchema, uncheckedPositionsSchema } from '../protocol/rest.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { answer, responses, sendJson } from './responses.ts';

/** What the routes of positions need. */
export interface PositionsDeps {
  readonly ingest: Ingest;
  readonly authenticate: Authenticate;
}

const batchSchema = z.object({ positions: uncheckedPositionsSchema });
const bodySchema = z.looseObject({}, { error: 'must be a fix, or an object with a list of positions' });

/** `POST /v1/positions`. */
export const positionRoutes: FastifyPluginAsyncZod<PositionsDeps> = async (app, deps) => {
  app.post(
    '/v1/positions',
    {
      config: { overload: 'serve' },
      onRequest: allow(deps.authenticate, (principal) => principal.canWrite, 'positions:write'),
      // The schema is the contract; a bad fix among good ones gets its verdict and does not fail the request.
      validatorCompiler: () => (value) => ({ value }),
      schema: {
        operationId: 'sendPositions',
        tags: ['positions'],
        summary: 'Send one fix, or up to a thousand',
        description:
          'Answers with a verdict for each fix, in the order sent, once they are stored. The status is about the request; what became of each fix is in its verdict.',
        security: [{ token: [] }],
        body: positionsBodySchema,
        response: responses({ 200: answer('A verdict for each fix.', resultsSchema) }, 400, 401, 403, 413, 415, 503),
      },
    },
    (request, reply) => {
      const body = parse(bodySchema, request.body);
      const fixes = 'positions' in body ? parse(batchSchema, body).positions : [body];
      const principal = principalOf(request);
      const judge = () => {
        deps.ingest.judgeAll(principal, fixes, (results, error) => {
          if (error === undefined) sendJson(reply, JSON.stringify({ results }));
          else reply.send(new DomainError('unavailable', 'It could not be stored; send it again later.'));
        });
        return reply;
      };
      return afterWait(request, deps.ingest.meet(principal, fixes), judge);
    },
  );
};
