import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nextPath } from '../protocol/query.ts';
import { describeRevocation, revocationBodySchema, revocationsSchema } from '../protocol/revocation.ts';
import { PAGE_PARAMETERS, pageQuerySchema } from '../protocol/share.ts';
import { allow, principalOf } from './access.ts';
import { answer, noContent, responses, sendJson } from './responses.ts';
import type { AccessRoutesDeps } from './shares.ts';

const PATH = '/v1/revocations';

/** `POST` and `GET /v1/revocations`. */
export const revocationRoutes: FastifyPluginAsyncZod<AccessRoutesDeps> = async (app, deps) => {
  const { revocations } = deps.access;
  const canManage = allow(deps.authenticate, (principal) => principal.canManageAccess, 'access:manage');

  app.post(
    PATH,
    {
      config: { overload: 'serve' },
      onRequest: canManage,
      schema: {
        operationId: 'revoke',
        tags: ['access'],
        summary: 'Revoke a token',
        description:
          'Tokens of the fleet with this `jti` are no longer taken, shares that were made with them end, and all that is held open by either is closed (4401); answered once that is stored. Whether there is such a token is not known here.',
        security: [{ token: [] }],
        body: revocationBodySchema,
        response: { ...noContent('Revoked, and stored.'), ...responses({}, 400, 401, 403, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { subject, fleet } = principalOf(request);
      const { jti, expiresAt } = request.body as { jti: string; expiresAt: number };
      await revocations.revoke(fleet, jti, expiresAt);
      request.log.info({ subject, fleet }, 'a token was revoked');
      return reply.code(204).send();
    },
  );

  app.get(
    PATH,
    {
      onRequest: canManage,
      schema: {
        operationId: 'revocations',
        tags: ['access'],
        summary: 'Which tokens are revoked',
        description:
          'Those of the fleet, until a day after they end by themselves. A page at a time: ask for `next`, as it is, until an answer has none.',
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: pageQuerySchema('revocations'),
        response: responses({ 200: answer('A page, by jti.', revocationsSchema) }, 400, 401, 403),
      },
    },
    (request, reply) => {
      const { limit, after } = request.query;
      const { items, next } = revocations.page(principalOf(request).fleet, after, limit);
      return sendJson(
        reply,
        JSON.stringify({
          serverTime: deps.now(),
          revocations: items.map(describeRevocation),
          next: next && nextPath(PATH, request.url, PAGE_PARAMETERS, next),
        }),
      );
    },
  );
};
