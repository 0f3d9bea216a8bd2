import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { bearerToken } from '../auth/bearer.ts';

/** The subprotocol that the server speaks. */
export const SUBPROTOCOL = 'nearcast.v1';
const BEARER = 'bearer.';
/** Where the endpoint is. */
export const PATH = '/ws';

/**
 * Whether a request that asks for an upgrade is one for a WebSocket. Any other is answered as if it did not ask (RFC 9110,
 * 7.8), as for `curl --http2`: a connection that is given up for an upgrade is read by nobody else, and nobody else ends it.
 */
export function isHandshake({ method, url = '', headers }: IncomingMessage): boolean {
  if (method !== 'GET' || headers.host === undefined || url.split('?', 1)[0] !== PATH) return false;
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * The token that a handshake carries, in the order of precedence: `Authorization: Bearer`, the subprotocol
 * `bearer.<token>` (browsers cannot set headers), `?access_token=`. Undefined: it is to come as the first message.
 */
export function tokenOf(headers: IncomingHttpHeaders, query: Readonly<Record<string, unknown>>): string | undefined {
  const inHeader = bearerToken(headers.authorization);
  if (inHeader !== undefined) return inHeader;
  const protocols = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim());
  const bearer = protocols?.find((protocol) => protocol.startsWith(BEARER));
  if (bearer !== undefined) return bearer.slice(BEARER.length);
  return typeof query.access_token === 'string' ? query.access_token : undefined;
}

/** Which of the offered subprotocols is echoed: ours, never the one that carries the token. */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  return offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false;
}
