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

  interface FastifyInstance {
    /** See {@link askAgain}. @throws {DomainError} `unauthorized`: what a request was let in by holds no more */
    askAgain(principal: Principal): void;
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

/** Says why a request is not let in: to an EventSource so that it comes back, if it may. */
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
 * Has what a request was let in by looked at once more when time may have passed: a token is judged by the head, and nobody is
 * to do later what has been forbidden meanwhile. Those that bring a body are looked at when that is there; see also
 * {@link afterWait}.
 */
export function askAgain(app: FastifyInstance, now: () => number, isRevoked: (principal: Principal) => boolean): void {
  const reasonAgainst = (principal: Principal): DomainError | undefined => {
    if (isRevoked(principal)) return revoked();
    return principal.expiresAt <= now() ? new DomainError('unauthorized', 'The token has expired.') : undefined;
  };
  app.decorate('askAgain', (principal) => {
    const reason = reasonAgainst(principal);
    if (reason !== undefined) throw reason;
  });
  app.addHook('preValidation', ({ method, principal }, _reply, done) => {
    // Of others no body is waited for.
    if (principal === null || method === 'GET' || method === 'HEAD') done();
    else done(reasonAgainst(principal));
  });
}

/**
 * Goes on with a request now or, as soon as what it waits for is there, if its token still holds by then. Who need not wait is
 * not made to.
 */
export function afterWait<T, Result>(
  request: FastifyRequest,
  waited: T | Promise<T>,
  action: (result: T) => Result,
): Result | Promise<Result> {
  if (!(waited instanceof Promise)) return action(waited);
  return waited.then((result) => {
    request.server.askAgain(principalOf(request));
    return action(result);
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
