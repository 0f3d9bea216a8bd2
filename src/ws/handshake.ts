import type { IncomingHttpHeaders } from 'node:http';
import { bearerToken } from '../auth/bearer.ts';

/** The subprotocol that the server speaks. */
export const SUBPROTOCOL = 'nearcast.v1';
const BEARER = 'bearer.';

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
