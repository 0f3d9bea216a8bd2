import { isIP } from 'node:net';
import { z } from 'zod';
import { faultOfRedisUrl } from './bus/redis-url.ts';
import { mapStyleOf } from './map-style.ts';
import { asOrigin } from './origin.ts';

/** What a setting says of itself beside its rule; `npm start -- --help` is made of it. */
interface About {
  /** What it is for, in a line or two, and what zero and absence mean. */
  readonly description: string;
  /** Of a number. */
  readonly unit?: string;
  /** What it may be, in words, where that is not any text. */
  readonly values?: string;
}

const integer = (min: number, max: number, fallback: number, unit: string, description: string) => {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,12}$/, { error: rule })
    .transform(Number)
    .pipe(z.number().min(min, { error: rule }).max(max, { error: rule }))
    .default(fallback)
    .meta({ description, unit, values: `${min} to ${max}` } satisfies About);
};

const text = (description: string) => z.string().meta({ description } satisfies About);

const PROXIES = 'must be the number of proxies, 1 to 16, or their addresses and networks, separated by commas';

/** An address, or a network as `10.0.0.0/8`. */
function isNetwork(text: string): boolean {
  const [, address, bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address ?? '');
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}

function isKeysAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

// A long list: what a setting may be, what it is for and what it is without, in one place for all who ask.
const shape = {
  HOST: text('The address to listen on; 0.0.0.0 is every address.').default('127.0.0.1'),
  PORT: integer(0, 65_535, 8080, '', 'The port to listen on. 0: any free port; the start prints it.'),
  // Not checked as a URL of the web: a socket's directory may stand for the host.
  DATABASE_URL: z
    .string()
    .refine((url) => /^postgres(ql)?:\/\//.test(url) && URL.canParse(url.replace('@/', '@socket/')), {
      error: 'must be a URL such as postgres://user:password@host:5432/name',
    })
    .optional()
    .meta({
      description: 'A PostgreSQL server (13 or newer) with PostGIS. Absent: an embedded one under DATA_DIR.',
      values: 'postgres://user:password@host:5432/name',
    } satisfies About),
  REDIS_URL: z
    .string()
    .check(({ value, issues }) => {
      const message = faultOfRedisUrl(value);
      if (message !== undefined) issues.push({ code: 'custom', message, input: undefined });
    })
    .optional()
    .meta({
      description:
        'A Redis or Valkey server (7 or newer), or some of the nodes of a cluster, over which instances tell each other what happens; it needs DATABASE_URL, and JWT_SECRET or JWKS_URL, the same for all. Absent: there is one instance.',
      values: 'redis://user:password@host:6379 or rediss://…, further nodes after commas',
    } satisfies About),
  REDIS_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/, {
      error: 'must have 1 to 64 letters, digits and _.:-, a letter or digit first',
    })
    .default('nearcast')
    .meta({
      description: 'What the names of all channels in Redis begin with: instances of one database have the same.',
      values: '1 to 64 letters, digits and _.:-',
    } satisfies About),
  REDIS_STREAM: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, { error: 'must have 1 to 256 characters of ASCII, and no spaces' })
    .optional()
    .meta({
      description:
        'The key of a stream in Redis that gets every fix once it is stored, for whoever works on with them. Absent: there is none.',
      values: '1 to 256 characters of ASCII, and no spaces',
    } satisfies About),
  REDIS_STREAM_MAXLEN: integer(
    1,
    1_000_000_000,
    1_000_000,
    'entries',
    'About how many that stream holds, some 0.3 kB each; older ones give way.',
  ),
  DATA_DIR: text('The embedded database and, in development, the signing secret.').default('./data'),
  JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, { error: 'must have at least 32 bytes (RFC 7518, 3.2)' })
    .optional()
    .meta({
      description:
        'Signs and verifies tokens (HS256): openssl rand -base64 32. Absent: one is made and kept in DATA_DIR, unless there is a JWKS_URL; with NODE_ENV=production and neither the start is refused.',
      values: 'at least 32 bytes',
    } satisfies About),
  JWKS_URL: z
    .string()
    .refine(isKeysAddress, { error: 'must be a URL such as https://issuer.example/jwks.json, without credentials' })
    .optional()
    .meta({
      description:
        'The public keys of an issuer of tokens (RS256, ES256, EdDSA), fetched every ten minutes. Set JWT_AUDIENCE and JWT_ISSUER with it, or its tokens for other services are taken too. Absent: there is none.',
      values: 'https://issuer.example/jwks.json',
    } satisfies About),
  JWT_ISSUER: text('Tokens must have this iss. Absent: not checked.').optional(),
  JWT_AUDIENCE: text('Tokens must have this aud. Absent: not checked.').optional(),
  JWT_CLOCK_TOLERANCE_SECONDS: integer(
    0,
    600,
    0,
    'seconds',
    'By how much the clocks of issuers may differ: tokens hold so much longer, and from so much earlier. 0: not at all.',
  ),
  NODE_ENV: text('production: the start is refused without a JWT_SECRET or a JWKS_URL.').optional(),
  DRIVER_TTL_SECONDS: integer(
    1,
    31_536_000,
    300,
    'seconds',
    'A driver of whom nothing was received for so long is no longer found.',
  ),
  HISTORY_RETENTION_DAYS: integer(
    0,
    3_650,
    7,
    'days',
    'For how long fixes are kept, for tracks and replays. 0: none is, and there are neither.',
  ),
  MAX_REPLAYS: integer(0, 10_000, 20, '', 'Replays at a time; one more is told to come back. 0: there are none.'),
  MAX_PENDING_FIXES: integer(
    1_000,
    10_000_000,
    200_000,
    'fixes',
    'What may wait while the database is away or behind, about 0.5 kB each; beyond it new ones are refused.',
  ),
  MAX_FUTURE_SECONDS: integer(
    0,
    86_400,
    30,
    'seconds',
    "A fix dated further ahead of the server's clock is refused. 0: any that is ahead at all.",
  ),
  MAX_RADIUS_METERS: integer(1, 20_100_000, 100_000, 'metres', 'The largest radius of a query or subscription.'),
  MAX_SUBSCRIPTIONS: integer(1, 100_000, 100, '', 'Subscriptions on one connection.'),
  MAX_SHARES_PER_SUBJECT: integer(
    0,
    1_000_000,
    1_000,
    '',
    'Shares that a subject may have at a time, about 1 kB each. 0: none can be made.',
  ),
  MAX_SHARE_SECONDS: integer(1, 315_360_000, 2_592_000, 'seconds', 'How long a share may last; 30 days by default.'),
  MAX_SUBSCRIPTIONS_PER_SUBJECT: integer(
    1,
    10_000_000,
    100_000,
    '',
    'Subscriptions of one subject of a fleet, over all its connections: each stream, poll and replay is one.',
  ),
  MAX_CONNECTIONS_PER_SUBJECT: integer(
    1,
    10_000_000,
    10_000,
    '',
    'Connections of one subject of a fleet: WebSockets, streams, polls and replays together.',
  ),
  MAX_HANDSHAKES_PER_MINUTE: integer(
    0,
    10_000_000,
    6_000,
    '',
    'Handshakes of WebSockets and beginnings of streams and replays from one address (of IPv6, from one /64). 0: any number.',
  ),
  MAX_MESSAGES_PER_SECOND: integer(
    0,
    1_000_000,
    1_000,
    '',
    'Messages that one WebSocket is heard in a second; more of them wait. Gateways (positions:write:any) are not limited. 0: any number.',
  ),
  MAX_BYTES_PER_SECOND: integer(0, 1_000_000_000, 1_048_576, 'bytes', 'Bytes of such messages. 0: any number.'),
  RATE_LIMIT: z
    .string()
    .regex(/^(off|[1-9]\d{0,6})$/, { error: 'must be off or a whole number from 1 to 9999999' })
    .default('off')
    .meta({
      description:
        'Requests a minute of one subject of a fleet, or, without a valid token, of one address; more are answered 429. Health and pages are never limited. off: any number.',
      unit: 'requests a minute',
      values: 'off, or 1 to 9999999',
    } satisfies About),
  TRUST_PROXY: z
    .string()
    .refine((text) => /^([1-9]|1[0-6])$/.test(text) || text.split(',').every((part) => isNetwork(part.trim())), {
      error: PROXIES,
    })
    .transform((text) => (/^\d+$/.test(text) ? Number(text) : text.split(',').map((part) => part.trim())))
    .optional()
    .meta({
      description:
        'The proxies in front, whose X-Forwarded-For is believed: how many, or where they are. Absent: none, and whoever connects is the client.',
      values: 'a number, or addresses and networks separated by commas',
    } satisfies About),
  HEADERS_TIMEOUT_SECONDS: integer(
    1,
    3_600,
    10,
    'seconds',
    'A connection on which the head of a request has not come within it is closed (408).',
  ),
  REQUEST_TIMEOUT_SECONDS: integer(
    1,
    3_600,
    60,
    'seconds',
    'One on which a whole request has not; at least HEADERS_TIMEOUT_SECONDS.',
  ),
  PING_SECONDS: integer(
    1,
    3_600,
    25,
    'seconds',
    'How often a connection is asked whether it is still there: a WebSocket by a ping, an event stream by a comment. Less than the shortest idle timeout of any proxy on the way.',
  ),
  SLOW_SECONDS: integer(
    1,
    3_600,
    60,
    'seconds',
    'A peer that reads nothing for so long, while something waits for it, is closed as slow (4508).',
  ),
  PERMESSAGE_DEFLATE: z
    .enum(['on', 'off'], { error: 'must be on or off' })
    .default('off')
    .meta({
      description:
        'on: a WebSocket whose client offers permessage-deflate is compressed. It saves bandwidth and costs CPU and memory for every connection.',
      values: 'on, off',
    } satisfies About),
  MAX_LAG_MILLISECONDS: integer(
    0,
    60_000,
    500,
    'milliseconds',
    'When work waits this long for its turn, for a second on end, newcomers are sent away (503, 4513) until it no longer does. 0: never.',
  ),
  MAX_HEAP_PERCENT: integer(
    0,
    99,
    85,
    'percent of the heap that Node may have',
    'When this much is in use even after a full garbage collection, newcomers are sent away (503, 4513). 0: never.',
  ),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map(asOrigin))
    .pipe(
      z.array(
        z.string().regex(/^(\*|[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+)$/, {
          error: 'must be origins such as https://example.com, separated by commas, or *',
        }),
      ),
    )
    .default([])
    .meta({
      description:
        'Web pages of these origins may call the API and connect to /ws from a browser. * is any, absent is none but its own.',
      values: 'origins such as https://example.com, separated by commas',
    } satisfies About),
  DASHBOARD: z
    .enum(['on', 'off'], { error: 'must be on or off' })
    .default('on')
    .meta({
      description:
        'off: the pages are not served, that is the dashboard at / and those of a driver and a rider at /driver and /rider.',
      values: 'on, off',
    } satisfies About),
  MAP_STYLE_URL: z
    .string()
    .transform((text, context) => {
      const style = mapStyleOf(text);
      if (typeof style !== 'string') return style;
      context.addIssue({ code: 'custom', message: style });
      return z.NEVER;
    })
    .optional()
    .meta({
      description:
        'The style of the base map of the pages, which browsers load, as MapLibre GL takes it; {theme} in it becomes light or dark. After commas, whatever other origins it loads from. none: only what the pages bring, and nothing from elsewhere. Absent: OpenFreeMap.',
      values: 'none, or https://tiles.example.com/{theme}.json?key=…, further origins after commas',
    } satisfies About),
  DOCS: z
    .enum(['on', 'off'], { error: 'must be on or off' })
    .default('on')
    .meta({
      description: 'off: neither the API reference at /docs nor openapi.yaml and asyncapi.yaml are served.',
      values: 'on, off',
    } satisfies About),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` })
    .default('info')
    .meta({ description: 'What is logged: this and what is worse.', values: LOG_LEVELS.join(', ') } satisfies About),
};

/** The settings as they are given: text by name; see {@link shape} for each. */
export const settingsSchema = z
  .object(shape)
  .refine(({ NODE_ENV, JWT_SECRET, JWKS_URL }) => NODE_ENV !== 'production' || (JWT_SECRET ?? JWKS_URL) !== undefined, {
    path: ['JWT_SECRET'],
    error: 'is required when NODE_ENV is production and there is no JWKS_URL',
    // Reported together with whatever else is wrong.
    when: ({ value }) => typeof value === 'object',
  })
  .refine(({ REDIS_URL, DATABASE_URL }) => REDIS_URL === undefined || DATABASE_URL !== undefined, {
    path: ['DATABASE_URL'],
    error: 'is required with REDIS_URL: what instances share is there',
    when: ({ value }) => typeof value === 'object',
  })
  .refine(
    ({ REDIS_URL, NODE_ENV, JWT_SECRET, JWKS_URL }) =>
      REDIS_URL === undefined || NODE_ENV === 'production' || (JWT_SECRET ?? JWKS_URL) !== undefined,
    {
      path: ['JWT_SECRET'],
      error: 'is required with REDIS_URL when there is no JWKS_URL: instances take the same tokens',
      when: ({ value }) => typeof value === 'object',
    },
  )
  .refine(({ REDIS_STREAM, REDIS_URL }) => REDIS_STREAM === undefined || REDIS_URL !== undefined, {
    path: ['REDIS_URL'],
    error: 'is required with REDIS_STREAM',
    when: ({ value }) => typeof value === 'object',
  })
  .refine((set) => set.HEADERS_TIMEOUT_SECONDS <= set.REQUEST_TIMEOUT_SECONDS, {
    path: ['REQUEST_TIMEOUT_SECONDS'],
    error: 'must be at least HEADERS_TIMEOUT_SECONDS',
  });

/** A setting, for whoever reads about it. */
export interface Setting extends About {
  readonly name: string;
  /** As it would be written in the environment; absent: there is none. */
  readonly fallback: string | undefined;
}

/** Every setting there is, in the order in which they are explained. */
export function listSettings(): Setting[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { description, unit, values } = aboutOf(schema);
    const fallback: unknown = schema.safeParse(undefined).data;
    const written = fallback === undefined || String(fallback) === '' ? undefined : String(fallback);
    return { name, description, unit: unit || undefined, values, fallback: written };
  });
}

/** A default or an absence is put around the schema that was described. */
function aboutOf(schema: z.ZodType): About {
  const about = schema.meta() as unknown as About | undefined;
  if (about !== undefined) return about;
  const { innerType } = (schema as unknown as { def: { innerType?: z.ZodType } }).def;
  if (innerType === undefined) throw new Error('A setting is not described');
  return aboutOf(innerType);
}
