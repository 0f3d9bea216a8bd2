import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.ts';
import type { Quota, Seat } from '../delivery/quota.ts';
import { OVERLOADED, retryAfter } from '../delivery/retry.ts';

/**
 * A place for a request that lasts, with its one subscription. Who has as many as it may is told when to come back.
 *
 * @throws {DomainError} `limit`
 */
export function takeSeat(quota: Quota, principal: Principal, reply: FastifyReply): Seat {
  try {
    return quota.enter(principal, 1);
  } catch (error) {
    reply.header('retry-after', String(Math.ceil(retryAfter(OVERLOADED))));
    throw error;
  }
}
