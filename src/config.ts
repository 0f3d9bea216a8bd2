import { z } from 'zod';

/** The settings, by the names of their environment variables. */
export interface Config {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** A PostgreSQL server with PostGIS; absent: the embedded one. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  /** Absent, outside production: one is made and kept in the data directory. */
  readonly jwtSecret: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string | undefined;
  readonly driverTtlSeconds: number;
  /** For how many days fixes are kept; 0: not at all. */
  readonly historyRetentionDays: number;
  /** Fixes that may wait for the store before new ones are refused. */
  readonly maxPendingFixes: number;
  readonly maxFutureSeconds: number;
  readonly maxRadiusMeters: number;
  readonly maxSubscriptions: number;
  /** How often a connection is asked whether it is still there. */
  readonly pingSeconds: number;
  /** How long a peer may read nothing of what waits for it. */
  readonly slowSeconds: number;
  /** Whether a WebSocket that offers compression gets it. */
  readonly permessageDeflate: boolean;
  /** Origins that browsers may call from; `*` is any. */
  readonly corsOrigins: readonly string[];
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly production: boolean;
  /** Settings of other versions that are set, and that this one does not know. */
  readonly unknown: readonly string[];
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

const integer = (min: number, max: number, fallback: number) => {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,12}$/, { error: rule })
    .transform(Number)
    .pipe(z.number().min(min, { error: rule }).max(max, { error: rule }))
    .default(fallback);
};

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Settings that would change who may do what, or what instances share, if this version knew them: not to be passed over. */
const ELSEWHERE = ['JWKS_URL', 'REDIS_URL', 'RATE_LIMIT'] as const;

const schema = z
  .object({
    HOST: z.string().default('127.0.0.1'),
    PORT: integer(0, 65_535, 8080),
    // Not checked as a URL of the web: a socket's directory may stand for the host.
    DATABASE_URL: z
      .string()
      .refine((url) => /^postgres(ql)?:\/\//.test(url) && URL.canParse(url.replace('@/', '@socket/')), {
        error: 'must be a URL such as postgres://user:password@host:5432/name',
      })
      .optional(),
    DATA_DIR: z.string().default('./data'),
    JWT_SECRET: z
      .string()
      .refine((secret) => Buffer.byteLength(secret) >= 32, { error: 'must have at least 32 bytes (RFC 7518, 3.2)' })
      .optional(),
    JWT_ISSUER: z.string().optional(),
    JWT_AUDIENCE: z.string().optional(),
    DRIVER_TTL_SECONDS: integer(1, 31_536_000, 300),
    HISTORY_RETENTION_DAYS: integer(0, 3_650, 7),
    MAX_PENDING_FIXES: integer(1_000, 10_000_000, 200_000),
    MAX_FUTURE_SECONDS: integer(0, 86_400, 30),
    MAX_RADIUS_METERS: integer(1, 20_100_000, 100_000),
    MAX_SUBSCRIPTIONS: integer(1, 100_000, 100),
    PING_SECONDS: integer(1, 3_600, 25),
    SLOW_SECONDS: integer(1, 3_600, 60),
    PERMESSAGE_DEFLATE: z.enum(['on', 'off'], { error: 'must be on or off' }).default('off'),
    CORS_ORIGINS: z
      .string()
      .transform((list) => list.split(',').map((origin) => origin.trim()))
      .pipe(
        z.array(
          z.string().regex(/^(\*|https?:\/\/[^/\s]+)$/, {
            error: 'must be origins such as https://example.com, separated by commas, or *',
          }),
        ),
      )
      .default([]),
    LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
    NODE_ENV: z.string().optional(),
  })
  .refine(({ NODE_ENV, JWT_SECRET }) => NODE_ENV !== 'production' || JWT_SECRET !== undefined, {
    path: ['JWT_SECRET'],
    error: 'is required when NODE_ENV is production',
    // Reported together with whatever else is wrong.
    when: ({ value }) => typeof value === 'object',
  });

/**
 * The settings that an environment means. An empty variable counts as absent.
 *
 * @throws {ConfigError} with every problem at once
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(set);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`));
  }
  const settings = result.data;
  return Object.freeze({
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    dataDir: settings.DATA_DIR,
    jwtSecret: settings.JWT_SECRET,
    jwtIssuer: settings.JWT_ISSUER,
    jwtAudience: settings.JWT_AUDIENCE,
    driverTtlSeconds: settings.DRIVER_TTL_SECONDS,
    historyRetentionDays: settings.HISTORY_RETENTION_DAYS,
    maxPendingFixes: settings.MAX_PENDING_FIXES,
    maxFutureSeconds: settings.MAX_FUTURE_SECONDS,
    maxRadiusMeters: settings.MAX_RADIUS_METERS,
    maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
    pingSeconds: settings.PING_SECONDS,
    slowSeconds: settings.SLOW_SECONDS,
    permessageDeflate: settings.PERMESSAGE_DEFLATE === 'on',
    corsOrigins: Object.freeze(settings.CORS_ORIGINS),
    logLevel: settings.LOG_LEVEL,
    production: settings.NODE_ENV === 'production',
    unknown: Object.freeze(ELSEWHERE.filter((name) => Object.hasOwn(set, name))),
  });
}
