import { type MapStyle, OPEN_FREE_MAP } from './map-style.ts';
import { settingsSchema } from './settings.ts';

/** The settings, by the names of their environment variables. */
export interface Config {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** A PostgreSQL server with PostGIS; absent: the embedded one. */
  readonly databaseUrl: string | undefined;
  /** Of a Redis server, or of nodes of a cluster, separated by commas; absent: there is one instance. */
  readonly redisUrl: string | undefined;
  /** What the names of all channels begin with. */
  readonly redisPrefix: string;
  /** The key of the stream that gets every fix that is stored; absent: there is none. */
  readonly redisStream: string | undefined;
  /** About how many fixes it holds. */
  readonly redisStreamMaxlen: number;
  readonly dataDir: string;
  /** Absent, outside production: one is made and kept in the data directory. */
  readonly jwtSecret: string | undefined;
  /** Where the public keys of an issuer of tokens are; absent: there is none. */
  readonly jwksUrl: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string | undefined;
  /** By how much the clocks of issuers may differ. */
  readonly jwtClockToleranceSeconds: number;
  readonly driverTtlSeconds: number;
  /** For how many days fixes are kept; 0: not at all. */
  readonly historyRetentionDays: number;
  /** Fixes that may wait for the store before new ones are refused. */
  readonly maxPendingFixes: number;
  /** Replays at a time; 0: there are none. */
  readonly maxReplays: number;
  /** Event-loop lag from which newcomers are sent away; 0: never. */
  readonly maxLagMilliseconds: number;
  /** Part of the heap in use from which newcomers are sent away; 0: never. */
  readonly maxHeapPercent: number;
  readonly maxFutureSeconds: number;
  readonly maxRadiusMeters: number;
  readonly maxSubscriptions: number;
  /** Shares that a subject may have at a time; 0: none. */
  readonly maxSharesPerSubject: number;
  /** How long a share may last. */
  readonly maxShareSeconds: number;
  readonly maxSubscriptionsPerSubject: number;
  readonly maxConnectionsPerSubject: number;
  /** From one address; 0: any number. */
  readonly maxHandshakesPerMinute: number;
  /** On one connection that is no gateway's; 0: any number. */
  readonly maxMessagesPerSecond: number;
  readonly maxBytesPerSecond: number;
  /** Requests a minute of one subject, or address without a token; 0: any number. */
  readonly rateLimit: number;
  /** How many proxies are in front, or where they are; absent: none. */
  readonly trustProxy: number | readonly string[] | undefined;
  readonly headersTimeoutSeconds: number;
  readonly requestTimeoutSeconds: number;
  /** How often a connection is asked whether it is still there. */
  readonly pingSeconds: number;
  /** How long a peer may read nothing of what waits for it. */
  readonly slowSeconds: number;
  /** Whether a WebSocket that offers compression gets it. */
  readonly permessageDeflate: boolean;
  /** Origins that browsers may call and connect from; `*` is any. */
  readonly corsOrigins: readonly string[];
  /** Whether the pages are served: dashboard, driver's and rider's. */
  readonly dashboard: boolean;
  /** The base map of the pages; null: they load none, and draw what they bring. */
  readonly mapStyle: MapStyle | null;
  /** Whether contracts and API reference are served. */
  readonly docs: boolean;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly production: boolean;
}

/** Settings that are wrong; every one of them is listed. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`These settings are wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * The settings that an environment means. An empty variable counts as absent.
 *
 * @throws {ConfigError} with every problem at once
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = settingsSchema.safeParse(set);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`));
  }
  const settings = result.data;
  return Object.freeze({
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    redisUrl: settings.REDIS_URL,
    redisPrefix: settings.REDIS_PREFIX,
    redisStream: settings.REDIS_STREAM,
    redisStreamMaxlen: settings.REDIS_STREAM_MAXLEN,
    dataDir: settings.DATA_DIR,
    jwtSecret: settings.JWT_SECRET,
    jwksUrl: settings.JWKS_URL,
    jwtIssuer: settings.JWT_ISSUER,
    jwtAudience: settings.JWT_AUDIENCE,
    jwtClockToleranceSeconds: settings.JWT_CLOCK_TOLERANCE_SECONDS,
    driverTtlSeconds: settings.DRIVER_TTL_SECONDS,
    historyRetentionDays: settings.HISTORY_RETENTION_DAYS,
    maxPendingFixes: settings.MAX_PENDING_FIXES,
    maxReplays: settings.MAX_REPLAYS,
    maxLagMilliseconds: settings.MAX_LAG_MILLISECONDS,
    maxHeapPercent: settings.MAX_HEAP_PERCENT,
    maxFutureSeconds: settings.MAX_FUTURE_SECONDS,
    maxRadiusMeters: settings.MAX_RADIUS_METERS,
    maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
    maxSharesPerSubject: settings.MAX_SHARES_PER_SUBJECT,
    maxShareSeconds: settings.MAX_SHARE_SECONDS,
    maxSubscriptionsPerSubject: settings.MAX_SUBSCRIPTIONS_PER_SUBJECT,
    maxConnectionsPerSubject: settings.MAX_CONNECTIONS_PER_SUBJECT,
    maxHandshakesPerMinute: settings.MAX_HANDSHAKES_PER_MINUTE,
    maxMessagesPerSecond: settings.MAX_MESSAGES_PER_SECOND,
    maxBytesPerSecond: settings.MAX_BYTES_PER_SECOND,
    rateLimit: settings.RATE_LIMIT === 'off' ? 0 : Number(settings.RATE_LIMIT),
    trustProxy: settings.TRUST_PROXY,
    headersTimeoutSeconds: settings.HEADERS_TIMEOUT_SECONDS,
    requestTimeoutSeconds: settings.REQUEST_TIMEOUT_SECONDS,
    pingSeconds: settings.PING_SECONDS,
    slowSeconds: settings.SLOW_SECONDS,
    permessageDeflate: settings.PERMESSAGE_DEFLATE === 'on',
    corsOrigins: Object.freeze(settings.CORS_ORIGINS),
    dashboard: settings.DASHBOARD === 'on',
    mapStyle: settings.MAP_STYLE_URL === undefined ? OPEN_FREE_MAP : settings.MAP_STYLE_URL,
    docs: settings.DOCS === 'on',
    logLevel: settings.LOG_LEVEL,
    production: settings.NODE_ENV === 'production',
  });
}

/** What is not asked of the tokens of an issuer, and so is taken; `undefined` where all is asked, or there is none. */
export function carelessTrust({ jwksUrl, jwtAudience, jwtIssuer }: Config): string | undefined {
  if (jwksUrl === undefined) return undefined;
  const lacks = [
    ...(jwtAudience === undefined ? [['JWT_AUDIENCE', 'whatever service they are for']] : []),
    ...(jwtIssuer === undefined ? [['JWT_ISSUER', 'whoever issued them']] : []),
  ];
  if (lacks.length === 0) return undefined;
  const names = lacks.map(([name]) => name).join(' and ');
  return `JWKS_URL is set without ${names}: tokens signed with its keys are taken ${lacks.map(([, what]) => what).join(', and ')}`;
}
