import type {
  HookHandlerDoneFunction as Done,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  preHandlerHookHandler,
} from 'fastify';
import { bearerToken } from '../auth/bearer.ts';
import { revoked } from '../auth/open-doors.ts';
import type { Principal } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import { retryAfter } from '../delivery/retry.ts';
import { DomainError } from '../errors.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { readsEvents, sendFarewell } from './farewell.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/**
 * A hook that lets a request through when its token allows it. The token is the `Authorization: Bearer` header or, for
 * GET, which browsers and EventSource cannot give headers, `?access_token=`.
 */
export function allow(
  authenticate: Authenticate,
  allowed: (principal: Principal) => boolean,
  need: string,
): preHandlerHookHandler {
  const admit = (principal: Principal, request: FastifyRequest, done: Done) => {
    if (!allowed(principal)) return done(refusal(principal, need));
    request.principal = principal;
    done();
  };
  return (request, reply, done) => {
    const token = tokenOf(request);
    if (token === undefined) {
      return done(new DomainError('unauthorized', 'A token is required: Authorization: Bearer TOKEN.'));
    }
    let judged: ReturnType<Authenticate>;
    try {
      judged = authenticate(token);
    } catch (error) {
      return turnDown(error as Error, request, reply, done);
    }
    if (!(judged instanceof Promise)) return admit(judged, request, done);
    const admitIfThere = (principal: Principal) => {
      // Who went meanwhile would be waited for: its response was closed before anybody listened.
      if (request.raw.socket.destroyed) done(new DomainError('unavailable', 'Nobody waits for the answer.'));
      else admit(principal, request, done);
    };
    judged.then(admitIfThere, (error: Error) => turnDown(error, request, reply, done));
  };
}

function turnDown(error: Error, request: FastifyRequest, reply: FastifyReply, done: Done): void {
  const isLater = error instanceof DomainError && error.code === 'unavailable';
  // An EventSource would not come back after 503.
  if (isLater && request.routeOptions.config.overload === 'stream' && readsEvents(request)) {
    sendFarewell(reply, CLOSE.unavailable, error.message, retryAfter());
  } else done(error);
}

function refusal({ shareId }: Principal, need: string): DomainError {
  if (shareId !== undefined) return new DomainError('forbidden', 'A share does not allow this.');
  return new DomainError('forbidden', `The token lacks the scope ${need}.`);
}

/**
 * Has every request that brings a body looked at once more when it is there: a token is judged by the head, and whoever sends
 * the rest a minute later is not to do then what has been forbidden meanwhile.
 */
export function askAgainAfterBodies(
  app: FastifyInstance,
  now: () => number,
  isRevoked: (principal: Principal) => boolean,
): void {
  app.addHook('preValidation', ({ method, principal }, _reply, done) => {
    // Of others nothing is waited for.
    if (principal === null || method === 'GET' || method === 'HEAD') done();
    else if (isRevoked(principal)) done(revoked());
    else if (principal.expiresAt <= now()) done(new DomainError('unauthorized', 'The token has expired.'));
    else done();
  });
}

/** The principal of a request that {@link allow} let through. */
export function principalOf(request: FastifyRequest): Principal {
  return request.principal as Principal;
}

/** The token that a request has, good or not. */
export function tokenOf(request: FastifyRequest): string | undefined {
  const bearer = bearerToken(request.headers.authorization);
  if (bearer !== undefined) return bearer;
  const inQuery = (request.query as { access_token?: unknown }).access_token;
  return request.method === 'GET' && typeof inQuery === 'string' ? inQuery : undefined;
}
