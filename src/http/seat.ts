import type { FastifyReply } from 'fastify';
import type { OpenDoors } from '../auth/open-doors.ts';
import type { Principal } from '../auth/principal.ts';
import type { Quota } from '../delivery/quota.ts';
import { OVERLOADED, retryAfter } from '../delivery/retry.ts';

/** Who may have how much open, and what is open to whom. */
export interface SeatDeps {
  readonly quota: Quota;
  readonly doors: Pick<OpenDoors, 'hold'>;
}

/**
 * A place for a request that lasts, with its one subscription. Who has as many as it may is told when to come back.
 *
 * @param onRevoked called when its token or share is revoked: it must end
 * @returns what gives the place up; to be called however it ends
 * @throws {DomainError} `limit`; `unauthorized` when it is revoked already
 */
export function takeSeat(
  { quota, doors }: SeatDeps,
  principal: Principal,
  reply: FastifyReply,
  onRevoked: () => void,
): () => void {
  const release = doors.hold(principal, onRevoked);
  try {
    const seat = quota.enter(principal, 1);
    return () => {
      release();
      seat.leave();
    };
  } catch (error) {
    release();
    reply.header('retry-after', String(Math.ceil(retryAfter(OVERLOADED))));
    throw error;
  }
}
