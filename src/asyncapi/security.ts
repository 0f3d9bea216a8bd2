import type { JsonSchema } from './json-schema.ts';

/** The ways in which a token may come, in the order in which they are looked at. */
export const SECURITY_SCHEMES = {
  header: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'In the handshake: `Authorization: Bearer TOKEN`.',
  },
  subprotocol: {
    type: 'httpApiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description:
      'For browsers, which cannot set other headers: the subprotocols `nearcast.v1` and `bearer.TOKEN`. The first is echoed.',
  },
  query: {
    type: 'httpApiKey',
    in: 'query',
    name: 'access_token',
    description: 'In the URL, for what can do nothing else.',
  },
  firstMessage: {
    type: 'apiKey',
    in: 'password',
    description: 'The message `authenticate`, within 10 seconds.',
  },
} as const;

/** The parameter of the URL that a token may be in. */
export const TOKEN_QUERY = {
  access_token: { type: 'string', description: 'The token, where no header can have it. It is never logged.' },
} as const satisfies Record<string, JsonSchema>;

/** The headers of the handshake that a token may be in. */
export const TOKEN_HEADERS = {
  type: 'object',
  properties: {
    Authorization: { type: 'string', description: '`Bearer TOKEN`' },
    'Sec-WebSocket-Protocol': { type: 'string', description: '`nearcast.v1, bearer.TOKEN`' },
  },
} as const satisfies JsonSchema;
