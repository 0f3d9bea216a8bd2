import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fetchKeys } from './auth/fetch-keys.ts';
import { arePagesBuilt } from './build-pages.ts';
import { readArguments, UsageError } from './command-line.ts';
import { type Config, carelessTrust, loadConfig } from './config.ts';
import { explain } from './explain.ts';
import { assertDataDirFree } from './store/data-dir-lock.ts';
import { inspectDatabase } from './store/inspect.ts';

/**
 * `--check`: whether a start would succeed. Prints a line for each thing looked at and changes nothing.
 *
 * @returns the exit code: 0 when all is well, 1 when something is not
 * @throws {ConfigError} with every setting that is wrong; then nothing else is looked at
 */
export async function checkCommand(argv: readonly string[]): Promise<number> {
  const { flags } = readArguments(argv, { flags: ['check'] });
  if (!flags.has('check')) throw new UsageError('Nothing is asked for');
  const config = loadConfig();
  console.log('ok     settings: all are valid');
  const careless = carelessTrust(config);
  if (careless !== undefined) console.log(`note   ${careless}`);
  const steps: [what: string, look: (config: Config) => string | Promise<string>][] = [
    ['DATABASE_URL', checkDatabase],
    ...(config.redisUrl === undefined ? [] : [['REDIS_URL', checkRedis] as (typeof steps)[number]]),
    ['DATA_DIR', checkDataDir],
    ['HOST, PORT', checkAddress],
    ...(config.jwksUrl === undefined ? [] : [['JWKS_URL', checkKeys] as (typeof steps)[number]]),
  ];
  let failed = 0;
  for (const [what, look] of steps) {
    try {
      console.log(`ok     ${what}: ${await look(config)}`);
    } catch (error) {
      failed++;
      console.log(
        `wrong  ${what}: ${explain(error, config) ?? (error instanceof Error ? error.message : String(error))}`,
      );
    }
  }
  if (config.dashboard && !arePagesBuilt()) {
    console.log(
      'note   DASHBOARD: the pages are not built, and the start goes on without: npm run build:web makes them',
    );
  }
  return failed === 0 ? 0 : 1;
}

async function checkDatabase({ databaseUrl }: Config): Promise<string> {
  if (databaseUrl === undefined) return 'not set: the embedded database in DATA_DIR is used';
  const { postgres, postgis, due, done, mayIsolate } = await inspectDatabase(databaseUrl);
  const extension = postgis === undefined ? 'PostGIS is not there yet, and the start adds it' : `PostGIS ${postgis}`;
  const migrations =
    due.length === 0
      ? `all ${done} migrations are done`
      : `${due.length} of ${done + due.length} migrations are due, and the start runs them (${due.join(', ')})`;
  const isolation = mayIsolate
    ? ''
    : '; without row-level security, as its user may neither make nor take the role for it: the start says what to run';
  return `PostgreSQL ${postgres}; ${extension}; ${migrations}${isolation}`;
}

/** A start goes on without it; but then instances do not hear of each other. */
async function checkRedis({ redisUrl, redisPrefix, redisStream }: Config): Promise<string> {
  const { inspectRedis } = await import('./bus/inspect-redis.ts');
  const { server, masters } = await inspectRedis(redisUrl as string, redisPrefix, redisStream).catch((error: Error) => {
    const then = 'A start goes on, and tries again; until then /readyz says degraded';
    throw new Error(`${error.message}. See that this machine reaches it, and its user may do it. ${then}.`);
  });
  const size = masters === undefined ? '' : `; a cluster of ${masters} ${masters === 1 ? 'master' : 'masters'}`;
  return `${server}${size}; it can be published and subscribed`;
}

/** It holds the embedded database and the development secret: where both are elsewhere, it is not used. */
function checkDataDir({ databaseUrl, jwtSecret, jwksUrl, dataDir }: Config): string {
  const holdsSecret = jwtSecret === undefined && jwksUrl === undefined;
  if (databaseUrl !== undefined && !holdsSecret) return 'not used';
  const dir = resolve(dataDir);
  if (!existsSync(dir)) {
    assertWritable(nearest(dir));
    return `${dir} is not there yet, and the start makes it`;
  }
  assertWritable(dir);
  const secret = join(dir, 'jwt-secret');
  if (holdsSecret && existsSync(secret)) accessSync(secret, constants.R_OK);
  if (databaseUrl !== undefined) return `${dir} can be written to`;
  assertDataDirFree(dir);
  const database = join(dir, 'postgres');
  if (!existsSync(database)) return `${dir} can be written to; there is no database in it yet, and the start makes one`;
  assertWritable(database);
  return `${dir} can be written to, holds a database, and nobody works in it`;
}

/** The directory, or the one above it that there is. */
function nearest(dir: string): string {
  return existsSync(dir) ? dir : nearest(dirname(dir));
}

function assertWritable(dir: string): void {
  if (!statSync(dir).isDirectory()) {
    throw Object.assign(new Error(`'${dir}' is not a directory`), { path: dir });
  }
  accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
}

/** A start goes on without them; but then it takes no tokens. */
async function checkKeys({ jwksUrl }: Config): Promise<string> {
  const keys = await fetchKeys(jwksUrl as string).catch((error: Error) => {
    const then = 'A start goes on, and asks again; until there are keys, tokens of the issuer are answered 503';
    throw new Error(`${error.message}. See that this machine reaches it. ${then}.`);
  });
  if (keys.length === 0) throw new Error('there is no key for RS256, ES256 or EdDSA: none of its tokens is taken');
  return `${keys.length} ${keys.length === 1 ? 'key' : 'keys'} that tokens may be signed with`;
}

/** Listens, and stops at once: nothing else tells for sure. */
async function checkAddress({ host, port }: Config): Promise<string> {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen({ host, port }, listening);
  });
  await new Promise((closed) => server.close(closed));
  return port === 0 ? `${host} can be listened on, at any free port` : `${host}:${port} is free`;
}
