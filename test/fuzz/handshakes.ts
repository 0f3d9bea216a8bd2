import type { Random } from '../support/random.ts';
import type { HandshakeCase } from './case.ts';
import { handshakeQuery } from './contract.ts';
import { bytesOf, mutate, write } from './mutate.ts';
import { nasty, nastyString } from './nasty.ts';
import { CALLERS, headerValue, queryOf } from './requests.ts';

const KEY = 'AAAAAAAAAAAAAAAAAAAAAA==';
const KEYS = ['', 'x', KEY.slice(2), `${KEY}${KEY}`, '=', 'AAAAAAAAAAAAAAAAAAAAAAA='];
const EXTENSIONS = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; server_max_window_bits=7',
  'permessage-deflate; server_max_window_bits=8; client_no_context_takeover',
  'permessage-deflate; client_max_window_bits=x',
  'permessage-deflate; a=b',
  'permessage-deflate,permessage-deflate',
  'x; "',
  ',',
  ';=',
  'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
];
const PROTOCOLS = [
  'nearcast.v1',
  'bearer.',
  'bearer.x',
  'x',
  '',
  ',',
  'nearcast.v1,nearcast.v1',
  'nearcast.v1, bearer.a.b.c',
];
const ORIGINS = ['null', 'http://evil.example', 'https://evil.example:1', 'x', '', 'http://127.0.0.1'];

/** A handshake, in which something may be wrong, and a message. */
export function handshakeCase(random: Random): HandshakeCase {
  const headers: [string, string][] = [
    ['connection', random.below(20) === 0 ? random.pick(['keep-alive', 'close, upgrade', '']) : 'Upgrade'],
    ['upgrade', random.below(20) === 0 ? random.pick(['h2c', 'WEBSOCKET', 'websocket, x', '']) : 'websocket'],
    ['sec-websocket-version', random.below(20) === 0 ? random.pick(['12', '8', '0', '13, 8', 'x', '']) : '13'],
    ['sec-websocket-key', random.below(20) === 0 ? random.pick(KEYS) : KEY],
  ];
  if (random.below(4) === 0) headers.push(['sec-websocket-extensions', random.pick(EXTENSIONS)]);
  if (random.below(6) === 0) headers.push(['origin', random.pick(ORIGINS)]);
  let query = queryOf(handshakeQuery, random).replace(/([?&])access_token=[^&]*/, '$1');
  const token = `@token:${random.pick(CALLERS)}@`;
  switch (random.below(6)) {
    case 0:
      query += `${query === '' ? '?' : '&'}access_token=${token}`;
      break;
    case 1:
      headers.push(['sec-websocket-protocol', `nearcast.v1, bearer.${token}`]);
      break;
    case 2:
      headers.push(['sec-websocket-protocol', random.pick(PROTOCOLS)]);
      break;
    default:
      headers.push(['authorization', `Bearer ${token}`]);
  }
  if (random.below(20) === 0) headers.push([random.pick(headers)[0], headerValue(nastyString(random))]);
  let first: unknown = { type: 'authenticate', token };
  while (random.below(3) === 0) first = mutate(first, random);
  return {
    kind: 'handshake',
    target: `/ws${query}`,
    headers,
    first: random.below(2) === 0 ? bytesOf(write(random.below(5) === 0 ? nasty(random) : first)) : undefined,
  };
}

/** The headers of a handshake in which nothing is wrong, but for a token. */
export const HANDSHAKE: readonly (readonly [string, string])[] = [
  ['connection', 'Upgrade'],
  ['upgrade', 'websocket'],
  ['sec-websocket-version', '13'],
  ['sec-websocket-key', KEY],
];
