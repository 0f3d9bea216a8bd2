import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Authenticate } from '../auth/tokens.ts';
import { DomainError } from '../errors.ts';
import { driverIdSchema } from '../protocol/fix.ts';
import type { Tracker, Waits } from '../tracker.ts';
import { afterWait, allow, principalOf } from './access.ts';
import { ignoreBody } from './ignored-body.ts';
import { noContent, responses } from './responses.ts';

/** What the route needs. */
export interface OffDutyDeps {
  readonly tracker: Tracker;
  /** Absent: this is the only instance. */
  readonly waits?: Waits;
  readonly authenticate: Authenticate;
}

/** `DELETE /v1/drivers/{driverId}`. */
export const offDutyRoute: FastifyPluginAsyncZod<OffDutyDeps> = async (app, { tracker, waits, authenticate }) => {
  ignoreBody(app);

  app.delete(
    '/v1/drivers/:driverId',
    {
      config: { overload: 'serve' },
      onRequest: allow(authenticate, (principal) => principal.canWrite, 'positions:write'),
      schema: {
        operationId: 'goOffDuty',
        tags: ['drivers'],
        summary: 'Take a driver off duty',
        description:
          'The driver is no longer found, and exits subscriptions with reason `offline`; answered once that is stored. Its next position, whatever its timestamp, brings it back. Of a token with `positions:write` the driver must be the subject.',
        security: [{ token: [] }],
        params: z.object({ driverId: driverIdSchema }),
        response: { ...noContent('Off duty, and stored.'), ...responses({}, 400, 401, 403, 404, 503) },
      },
    },
    (request, reply) => {
      const principal = principalOf(request);
      const { driverId } = request.params;
      // Before the driver is looked for: who may not ask learns nothing of it.
      if (!principal.canWriteAs(driverId))
        throw new DomainError('forbidden', 'driverId must be the subject of the token.');
      const go = () => {
        const departure = tracker.goOffDuty(principal.fleet, driverId, (error) => {
          if (error !== undefined)
            reply.send(new DomainError('unavailable', 'It could not be stored; try again later.'));
          else if (departure === 'gone') reply.code(204).send();
          else reply.send(new DomainError('not_found', 'There is no such driver, or nothing was heard of it.'));
        });
        if (departure === 'unavailable') throw new DomainError('unavailable', 'The store is behind; try again later.');
        return reply;
      };
      return afterWait(request, waits?.seek(principal.fleet, driverId), go);
    },
  );
};
