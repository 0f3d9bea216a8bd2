import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { inFleet } from '../auth/in-fleet.ts';
import type { Principal } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import { type Limited, whose } from '../delivery/limited.ts';
import { DomainError } from '../errors.ts';
import { tokenOf } from './access.ts';

/** What may come in a minute. */
export interface RateDeps {
  /** Requests of one subject, or of one address without a valid token; 0: any number. */
  readonly requests: number;
  /** Handshakes of one address; 0: any number. */
  readonly handshakes: number;
  readonly authenticate: Authenticate;
  readonly limited: Limited;
}

/** `cache`: of how many it is kept how much came; beyond it those who were not there for longest are forgotten. */
const WINDOWS = { timeWindow: 60_000, cache: 100_000 };

/**
 * Limits how much comes in a minute, and says so in `RateLimit-*` and `Retry-After`.
 *
 * @returns the hook for routes that begin something long, or undefined when there is no limit to it
 */
export async function useRates(
  app: FastifyInstance,
  { requests, handshakes, authenticate, limited }: RateDeps,
): Promise<onRequestAsyncHookHandler | undefined> {
  await app.register(rateLimit, { global: false });
  if (requests > 0) {
    const keyGenerator = async (request: FastifyRequest) => {
      const principal = await principalOf(request, authenticate);
      // No address has a space.
      return principal === undefined ? addressOf(request) : inFleet(principal.fleet, principal.subject);
    };
    const ask = app.createRateLimit({ max: requests, ...WINDOWS, keyGenerator });
    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.config.rateLimit === false) return;
      const found = await ask(request);
      if (found.isAllowed) return;
      reply.headers({
        'ratelimit-limit': found.max,
        'ratelimit-remaining': found.remaining,
        'ratelimit-reset': found.ttlInSeconds,
      });
      if (!found.isExceeded) return;
      const principal = await principalOf(request, authenticate);
      limited.meet('requests', principal === undefined ? { remoteAddress: addressOf(request) } : whose(principal));
      reply.header('retry-after', found.ttlInSeconds);
      const who = principal === undefined ? 'An address may send, without a valid token,' : 'A subject may send';
      throw new DomainError('limit', `${who} ${requests} requests a minute, no more; ask again later.`);
    });
  }
  if (handshakes === 0) return undefined;
  const ask = app.createRateLimit({ max: handshakes, ...WINDOWS, keyGenerator: addressOf });
  return async (request, reply) => {
    const found = await ask(request);
    if (found.isAllowed || !found.isExceeded) return;
    limited.meet('handshakes', { remoteAddress: addressOf(request) });
    reply.header('retry-after', found.ttlInSeconds);
    const message = `An address may begin ${handshakes} connections a minute, no more; come back later.`;
    throw new DomainError('limit', message);
  };
}

/** Who asks, of a token that is good. */
async function principalOf(request: FastifyRequest, authenticate: Authenticate): Promise<Principal | undefined> {
  const token = tokenOf(request);
  if (token === undefined) return undefined;
  try {
    return await authenticate(token);
  } catch {
    // What is wrong with it is told by whoever asks for it.
    return undefined;
  }
}

/** Of IPv6 the network of 64 bits: that is what one customer has at the least. */
function addressOf(request: FastifyRequest): string {
  // A connection that is gone has none any more.
  return normalizeIP(request.ip ?? '');
}
