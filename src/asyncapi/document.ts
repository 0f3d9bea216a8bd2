import { stringify } from 'yaml';
import { subscribeQuerySchema } from '../protocol/client-messages.ts';
import { CLOSE_CODES, REMEDIES } from '../protocol/close-codes.ts';
import { FILTERS } from '../protocol/query.ts';
import { ONE_AREA, WHOLE_CENTRE } from './area.ts';
import { clientMessages } from './client-messages.ts';
import { type JsonSchema, JsonSchemas, type Side } from './json-schema.ts';
import type { Message } from './message.ts';
import { PUSHES, REQUESTS } from './operations.ts';
import { SECURITY_SCHEMES, TOKEN_HEADERS, TOKEN_QUERY } from './security.ts';
import { serverMessages } from './server-messages.ts';

const DESCRIPTION = `Who is near, now? One WebSocket for drivers, who send positions, and for those who watch: subscribe to an area, and get a
snapshot of it and then just what changes.

Messages are JSON in text frames of at most 1 MiB. Unknown fields are to be passed over, by either side. Distances are
metres along the WGS84 ellipsoid, times epoch milliseconds. Queries, and the same subscriptions over Server-Sent Events
(\`GET /v1/stream\`) and long polling (\`GET /v1/changes\`), are in openapi.yaml; docs/protocol.md in the repository has the
rules in full.`;

const CHANNEL_DESCRIPTION = `One endpoint for drivers and watchers; what a connection may do is its token's matter. With an area in its URL it is
subscribed at once, under the name \`default\`. The server pings every 25 seconds (\`PING_SECONDS\`); a peer that misses two
is gone.

Close codes say what to do; a connection that ends without one (1006) is to be made again, with back-off.

| code | why | what to do |
|---|---|---|
${CLOSE_CODES.map(({ code, why, remedy }) => `| ${code} | ${why} | ${REMEDIES[remedy]} |`).join('\n')}`;

const reference = (path: string) => ({ $ref: `#/${path}` });
const ONE_AREA_REFERENCE = reference('components/schemas/OneArea');

/** The AsyncAPI document of `/ws`. @param maxRadius MAX_RADIUS_METERS */
export function asyncApiDocument(version: string, maxRadius: number) {
  const schemas = new JsonSchemas();
  const fromClient = messages(clientMessages(maxRadius), 'input', schemas);
  // Rules of several fields, which zod has as functions.
  schemas.components.OneArea = ONE_AREA;
  fromClient.subscribe.payload.allOf = [ONE_AREA_REFERENCE];
  fromClient.update.payload.allOf = [WHOLE_CENTRE];
  const all = { ...fromClient, ...messages(serverMessages, 'output', schemas) };
  const security = Object.keys(SECURITY_SCHEMES).map((name) => reference(`components/securitySchemes/${name}`));
  const server = (protocol: string, description: string) => ({
    host: '{host}',
    protocol,
    description,
    variables: { host: { default: 'localhost:8080', description: 'Host and port.' } },
    security,
  });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Nearcast',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
    },
    defaultContentType: 'application/json',
    servers: {
      plain: server('ws', 'As it is served.'),
      secure: server('wss', 'Behind whatever ends TLS.'),
    },
    channels: {
      ws: {
        address: '/ws',
        title: 'WebSocket',
        description: CHANNEL_DESCRIPTION,
        messages: Object.fromEntries(Object.keys(all).map((name) => [name, reference(`components/messages/${name}`)])),
        bindings: {
          ws: { method: 'GET', query: query(maxRadius, schemas), headers: TOKEN_HEADERS, bindingVersion: '0.1.0' },
        },
        'x-close-codes': CLOSE_CODES,
      },
    },
    operations: { ...requests(), ...pushes() },
    components: {
      messages: all,
      schemas: Object.fromEntries(Object.entries(schemas.components).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: SECURITY_SCHEMES,
      correlationIds: {
        messageId: {
          description: 'Chosen by the client; an answer has that of the message that it answers.',
          location: '$message.payload#/id',
        },
        subscription: {
          description: 'The name of the subscription that a message is of.',
          location: '$message.payload#/subscription',
        },
      },
    },
  };
}

/** The same as YAML: what `asyncapi.yaml` must hold. */
export function asyncApi(version: string, maxRadius: number): string {
  return stringify(asyncApiDocument(version, maxRadius), {
    aliasDuplicateObjects: false,
    lineWidth: 120,
    blockQuote: 'literal',
  });
}

function messages<N extends string>(
  described: Readonly<Record<N, Message>>,
  side: Side,
  schemas: JsonSchemas,
): Record<N, { payload: JsonSchema }> {
  const entries = Object.entries<Message>(described).map(([name, { schema, correlation, ...text }]) => [
    name,
    {
      name,
      ...text,
      ...(correlation !== undefined && { correlationId: reference(`components/correlationIds/${correlation}`) }),
      payload: schemas.of(schema, side),
    },
  ]);
  return Object.fromEntries(entries);
}

/** The query string of the URL form. */
function query(maxRadius: number, schemas: JsonSchemas): JsonSchema {
  const { properties, ...schema } = schemas.of(subscribeQuerySchema(maxRadius), 'input');
  return {
    ...schema,
    description: `With any field of an area, the connection is subscribed at once as \`default\`; without, it is not. ${FILTERS}`,
    properties: { ...properties, ...TOKEN_QUERY },
    patternProperties: {
      '^attributes\\.': { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    },
    allOf: [ONE_AREA_REFERENCE],
  };
}

const channel = reference('channels/ws');
const inChannel = (names: readonly string[]) => names.map((name) => reference(`channels/ws/messages/${name}`));

function requests() {
  const entries = Object.entries(REQUESTS).map(([id, { title, message, replies, scopes }]) => [
    id,
    {
      action: 'receive',
      channel,
      title,
      ...(scopes !== undefined && {
        description: `The token's scope has ${scopes.map((s) => `\`${s}\``).join(' or ')}.`,
      }),
      messages: inChannel([message]),
      reply: { channel, messages: inChannel(replies) },
    },
  ]);
  return Object.fromEntries(entries);
}

function pushes() {
  const entries = Object.entries(PUSHES).map(([id, { title, summary, messages }]) => [
    id,
    { action: 'send', channel, title, summary, messages: inChannel(messages) },
  ]);
  return Object.fromEntries(entries);
}
