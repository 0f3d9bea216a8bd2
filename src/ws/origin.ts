import type { onRequestHookHandler } from 'fastify';
import { DomainError } from '../errors.ts';

/** A scheme, `://` and a host: what an `Origin` is, unless it is opaque (`null`). No two parts match the same characters. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]+)$/i;

/**
 * A hook that refuses the handshakes of web pages of foreign origins. Browsers ask no server before they connect a WebSocket
 * to it, so CORS does not hold here what it holds elsewhere (RFC 6455, 10.2). What is no browser sends no `Origin`, and could
 * say anything in one: a token is asked for all the same.
 *
 * @param allowed origins beside the server's own; `*` is any
 */
export function refuseForeignOrigins(allowed: readonly string[]): onRequestHookHandler {
  const any = allowed.includes('*');
  const known = new Set(allowed);
  return (request, _reply, done) => {
    const { origin } = request.headers;
    if (any || origin === undefined || known.has(origin) || isOwn(origin, request.host)) done();
    else done(new DomainError('forbidden', 'Pages of this origin may not connect: CORS_ORIGINS does not name it.'));
  };
}

/**
 * Whether an origin is of the host that was asked. The scheme is not looked at: where a proxy ends TLS the server does not
 * know its own.
 */
export function isOwn(origin: string, host: string): boolean {
  const [, scheme, its] = ORIGIN.exec(origin) ?? [];
  if (scheme === undefined) return false;
  if (its.toLowerCase() === host.toLowerCase()) return true;
  const own = canonical(scheme, host);
  return own !== undefined && canonical(scheme, its) === own;
}

/** A host as browsers write it: without the port that goes without saying. */
function canonical(scheme: string, host: string): string | undefined {
  return URL.parse(`${scheme}://${host}`)?.host;
}
