import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Authenticate } from '../auth/tokens.ts';
import type { Limited } from '../delivery/limited.ts';
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
    const whose = async (request: FastifyRequest) => (await subjectOf(request, authenticate)) ?? addressOf(request);
    const ask = app.createRateLimit({ max: requests, ...WINDOWS, keyGenerator: whose });
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
      limited.requests++;
      reply.header('retry-after', found.ttlInSeconds);
      const subject = await subjectOf(request, authenticate);
      const whose = subject === undefined ? 'An address may send, without a valid token,' : 'A subject may send';
      throw new DomainError('limit', `${whose} ${requests} requests a minute, no more; ask again later.`);
    });
  }
  if (handshakes === 0) return undefined;
  const ask = app.createRateLimit({ max: handshakes, ...WINDOWS, keyGenerator: addressOf });
  return async (request, reply) => {
    const found = await ask(request);
    if (found.isAllowed || !found.isExceeded) return;
    limited.handshakes++;
    reply.header('retry-after', found.ttlInSeconds);
    const message = `An address may begin ${handshakes} connections a minute, no more; come back later.`;
    throw new DomainError('limit', message);
  };
}

/** Who asks, of a token that is good; no address has a zero byte, nor has a fleet's name. */
async function subjectOf(request: FastifyRequest, authenticate: Authenticate): Promise<string | undefined> {
  const token = tokenOf(request);
  if (token === undefined) return undefined;
  try {
    const { fleet, subject } = await authenticate(token);
    return `${fleet}\0${subject}`;
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
