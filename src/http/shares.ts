import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Access } from '../auth/access.ts';
import type { Principal } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import { DomainError } from '../errors.ts';
import { Circle } from '../geo/circle.ts';
import { nextPath } from '../protocol/query.ts';
import {
  describeNewShare,
  describeShare,
  newShareSchema,
  PAGE_PARAMETERS,
  pageQuerySchema,
  shareBodySchema,
  sharesSchema,
} from '../protocol/share.ts';
import { allow, principalOf } from './access.ts';
import { ignoreBody } from './ignored-body.ts';
import { answer, noContent, responses, sendJson } from './responses.ts';

/** What the routes of revocations need. */
export interface AccessRoutesDeps {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly now: () => number;
}

/** What those of shares need too. */
export interface ShareRoutesDeps extends AccessRoutesDeps {
  readonly maxRadiusMeters: number;
  readonly maxShareSeconds: number;
}

const PATH = '/v1/shares';
/** Who may look through shares and end them: whoever may make some, and whoever manages access. */
const mayHaveShares = ({ canShare, canManageAccess }: Principal) => canShare || canManageAccess;

/** `POST`, `GET` and `DELETE /v1/shares`. */
export const shareRoutes: FastifyPluginAsyncZod<ShareRoutesDeps> = async (app, deps) => {
  const { access, authenticate, now } = deps;
  const { shares } = access;

  app.post(
    PATH,
    {
      onRequest: allow(authenticate, (principal) => principal.canShare, 'positions:read'),
      schema: {
        operationId: 'share',
        tags: ['access'],
        summary: 'Make a link that shows a driver or an area',
        description:
          'Whoever has the token sees the driver, or who is in the circle, live and by every call that needs `positions:read`, until it ends: never more than who made it, and nothing of the past. A driver need not be known yet.',
        security: [{ token: [] }],
        body: shareBodySchema(deps.maxRadiusMeters, deps.maxShareSeconds),
        response: responses(
          { 201: answer('The share, with its token.', newShareSchema) },
          400,
          401,
          403,
          413,
          415,
          429,
          503,
        ),
      },
    },
    async (request, reply) => {
      const maker = principalOf(request);
      const { driverId, latitude, longitude, radius, label, expiresIn } = request.body;
      const shown =
        driverId === undefined
          ? { circle: new Circle(latitude as number, longitude as number, radius as number) }
          : { driverId };
      const wish = { shown, label, lifetime: expiresIn * 1000 };
      const { share, token } = await shares.make(maker, wish, () => access.isRevoked(maker));
      const { id, expiresAt } = share;
      request.log.info({ share: id, subject: maker.subject, fleet: maker.fleet, expiresAt }, 'shared');
      reply.code(201);
      return sendJson(reply, JSON.stringify(describeNewShare(share, token, now())));
    },
  );

  app.get(
    PATH,
    {
      onRequest: allow(authenticate, mayHaveShares, 'positions:read'),
      schema: {
        operationId: 'shares',
        tags: ['access'],
        summary: 'Which shares there are',
        description:
          'Those that the subject of the token made; with `access:manage` those of the whole fleet. A page at a time: ask for `next`, as it is, until an answer has none.',
        security: [{ token: [] }, { tokenInQuery: [] }],
        querystring: pageQuerySchema('shares'),
        response: responses({ 200: answer('A page.', sharesSchema) }, 400, 401, 403),
      },
    },
    (request, reply) => {
      const { limit, after } = request.query;
      const { items, next } = shares.page(principalOf(request), after, limit);
      return sendJson(
        reply,
        JSON.stringify({
          serverTime: now(),
          shares: items.map(describeShare),
          next: next && nextPath(PATH, request.url, PAGE_PARAMETERS, next),
        }),
      );
    },
  );

  await app.register(async (scope) => {
    ignoreBody(scope);
    scope.delete(
      `${PATH}/:id`,
      {
        config: { overload: 'serve' },
        onRequest: allow(authenticate, mayHaveShares, 'positions:read'),
        schema: {
          operationId: 'endShare',
          tags: ['access'],
          summary: 'End a share',
          description:
            'Its token is no longer taken, and whoever watches by it is closed (4401); answered once that is stored. Of one that the subject made or, with `access:manage`, any of the fleet; others are answered as if there were none.',
          security: [{ token: [] }],
          params: z.object({ id: z.string() }),
          response: { ...noContent('Ended, and stored.'), ...responses({}, 400, 401, 403, 404, 503) },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { id } = request.params as { id: string };
        if (!(await shares.end(principal, id))) throw new DomainError('not_found', 'There is no such share here.');
        request.log.info({ share: id, subject: principal.subject, fleet: principal.fleet }, 'a share was ended');
        return reply.code(204).send();
      },
    );
  });
};
