import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../src/config.ts';
import { serverHelp } from '../src/help.ts';
import { listSettings } from '../src/settings.ts';

test('without any setting the defaults hold; an empty variable counts as absent', () => {
  expect(loadConfig({ PORT: '', JWT_SECRET: '' })).toEqual({
    host: '127.0.0.1',
    permessageDeflate: false,
    pingSeconds: 25,
    port: 8080,
    databaseUrl: undefined,
    dataDir: './data',
    jwtSecret: undefined,
    jwksUrl: undefined,
    jwtIssuer: undefined,
    jwtAudience: undefined,
    jwtClockToleranceSeconds: 0,
    driverTtlSeconds: 300,
    historyRetentionDays: 7,
    maxPendingFixes: 200_000,
    maxReplays: 20,
    maxLagMilliseconds: 500,
    maxHeapPercent: 85,
    maxFutureSeconds: 30,
    maxRadiusMeters: 100_000,
    maxSubscriptions: 100,
    maxSharesPerSubject: 1_000,
    maxShareSeconds: 2_592_000,
    maxSubscriptionsPerSubject: 100_000,
    maxConnectionsPerSubject: 10_000,
    maxHandshakesPerMinute: 6_000,
    maxMessagesPerSecond: 1_000,
    maxBytesPerSecond: 1_048_576,
    rateLimit: 0,
    trustProxy: undefined,
    headersTimeoutSeconds: 10,
    requestTimeoutSeconds: 60,
    corsOrigins: [],
    dashboard: true,
    mapStyle: {
      light: 'https://tiles.openfreemap.org/styles/positron',
      dark: 'https://tiles.openfreemap.org/styles/dark',
      origins: ['https://tiles.openfreemap.org'],
    },
    docs: true,
    logLevel: 'info',
    production: false,
    slowSeconds: 60,
    redisUrl: undefined,
    redisPrefix: 'nearcast',
    redisStream: undefined,
    redisStreamMaxlen: 1_000_000,
  });
});

test('every problem is listed at once', () => {
  const wrong = {
    PORT: '65536',
    DATABASE_URL: 'mysql://x',
    REDIS_URL: 'http://x',
    REDIS_PREFIX: 'a/b',
    REDIS_STREAM: 'a b',
    REDIS_STREAM_MAXLEN: '0',
    JWT_SECRET: 'short',
    JWKS_URL: 'ftp://x/keys',
    JWT_CLOCK_TOLERANCE_SECONDS: '601',
    DRIVER_TTL_SECONDS: '0',
    MAX_FUTURE_SECONDS: '-1',
    MAX_RADIUS_METERS: '1e9',
    CORS_ORIGINS: 'https://a.example,b',
    DASHBOARD: 'no',
    MAP_STYLE_URL: 'tiles.example.com',
    DOCS: 'no',
    LOG_LEVEL: 'loud',
  };
  expect(() => loadConfig(wrong)).toThrow(ConfigError);
  try {
    loadConfig(wrong);
  } catch (error) {
    const { problems } = error as ConfigError;
    expect(problems.map((problem) => problem.split(':', 1)[0])).toEqual(Object.keys(wrong));
  }
});

test('origins are taken as browsers write them, and what is more than an origin is none', () => {
  const origins = (CORS_ORIGINS: string) => loadConfig({ CORS_ORIGINS }).corsOrigins;
  expect(origins('https://A.example:443/, HTTP://b.example:80,http://c.example:8080')).toEqual([
    'https://a.example',
    'http://b.example',
    'http://c.example:8080',
  ]);
  expect(origins('capacitor://localhost,https://xn--bcher-kva.example')).toEqual([
    'capacitor://localhost',
    'https://xn--bcher-kva.example',
  ]);
  expect(origins('https://b\u00fccher.example')).toEqual(['https://xn--bcher-kva.example']);
  for (const wrong of [
    'https://a.example/path',
    'https://a.example?x',
    'https://me@a.example',
    'https://',
    'null',
    'a',
    ''.padEnd(3, ','),
  ]) {
    expect(() => origins(wrong), wrong).toThrow(/CORS_ORIGINS: must be origins/);
  }
});

test('a base map is none, or a style for each theme and all that it is loaded from', () => {
  const styleOf = (MAP_STYLE_URL: string) => loadConfig({ MAP_STYLE_URL }).mapStyle;
  expect(styleOf('none')).toBeNull();
  expect(styleOf('')).toEqual(loadConfig({}).mapStyle);
  expect(
    styleOf('https://t.example/{theme}/style.json?key=a&b=$&, https://F.example:443/,http://*.tiles.example:81'),
  ).toEqual({
    light: 'https://t.example/light/style.json?key=a&b=$&',
    dark: 'https://t.example/dark/style.json?key=a&b=$&',
    origins: ['https://t.example', 'https://f.example', 'http://*.tiles.example:81'],
  });
  expect(styleOf('https://{theme}.t.example/')?.origins).toEqual(['https://light.t.example', 'https://dark.t.example']);
  expect(styleOf('http://127.0.0.1:9000/style')?.origins).toEqual(['http://127.0.0.1:9000']);
  expect(styleOf('https://b\u00fccher.example/s')?.origins).toEqual(['https://xn--bcher-kva.example']);
  for (const wrong of [
    'None',
    'mapbox://styles/x',
    'data:application/json,{}',
    '/styles/{theme}.json',
    'https://me@t.example/s',
    'https://:secret@t.example/s',
    'https://*.t.example/s',
    "https://t.example;script-src'unsafe-inline'/s",
    'https://[::1]/s',
    `https://t.example/${'a'.repeat(2048)}`,
    ' , https://t.example',
  ]) {
    expect(() => styleOf(wrong), wrong).toThrow(/MAP_STYLE_URL: must be none, or begin with a URL/);
  }
  for (const wrong of [
    'https://f.example/path',
    'f.example',
    '*',
    'https://*',
    "'unsafe-inline'",
    'https://f.example; script-src *',
    'wss://f.example',
    '',
    Array(17).fill('https://f.example').join(),
  ]) {
    expect(() => styleOf(`https://t.example/s,${wrong}`), wrong).toThrow(/MAP_STYLE_URL: must have at most 16 origins/);
  }
});

test('production needs a secret, or an issuer', () => {
  expect(() => loadConfig({ NODE_ENV: 'production' })).toThrow(/JWT_SECRET: is required/);
  expect(loadConfig({ NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) }).production).toBe(true);
  expect(loadConfig({ NODE_ENV: 'production', JWKS_URL: 'https://issuer.example/keys' }).production).toBe(true);
});

test.each(['issuer', 'file:///keys', 'https://me:secret@issuer.example/'])('%s is no address of keys', (JWKS_URL) => {
  expect(() => loadConfig({ JWKS_URL })).toThrow(/JWKS_URL: must be a URL/);
});

test('instances that share need one database and the same tokens, and a stream needs Redis; all that lacks is said at once', () => {
  const REDIS_URL = 'redis://me:hunter2@h:6379';
  const shared = { REDIS_URL, DATABASE_URL: 'postgres://h/n', JWT_SECRET: 'x'.repeat(32) };
  expect(loadConfig({ ...shared, REDIS_STREAM: 'fixes' })).toMatchObject({ redisUrl: REDIS_URL, redisStream: 'fixes' });
  expect(loadConfig({ ...shared, JWT_SECRET: '', JWKS_URL: 'https://i.example/keys' }).redisUrl).toBe(REDIS_URL);
  const faults = (env: Record<string, string>) => {
    try {
      loadConfig(env);
    } catch (error) {
      expect((error as ConfigError).message).not.toMatch('hunter2');
      return (error as ConfigError).problems.map((problem) => problem.split(':', 1)[0]).sort();
    }
    return [];
  };
  expect(faults({ REDIS_URL })).toEqual(['DATABASE_URL', 'JWT_SECRET']);
  expect(faults({ REDIS_URL, NODE_ENV: 'production', PORT: 'x' })).toEqual(['DATABASE_URL', 'JWT_SECRET', 'PORT']);
  expect(faults({ ...shared, REDIS_URL: '', REDIS_STREAM: 'fixes' })).toEqual(['REDIS_URL']);
  expect(faults({ ...shared, REDIS_URL: 'rediss//me:hunter2@h' })).toEqual(['REDIS_URL']);
});

test('an address of Redis is that of a server, or of some that are reached alike', () => {
  const urlOf = (REDIS_URL: string) =>
    loadConfig({ REDIS_URL, DATABASE_URL: 'postgres://h/n', JWT_SECRET: 'x'.repeat(32) }).redisUrl;
  for (const good of [
    'redis://h',
    'rediss://h:6380/',
    'redis://me:p%40ss%2Cword@10.0.0.1:6379/0',
    'redis://:password@[::1]:6379',
    'redis://me:secret@a:1,b:2, redis://me:secret@c:3',
  ]) {
    expect(urlOf(good), good).toBe(good);
  }
  for (const wrong of [
    'h:6379',
    'redis://',
    'redis://h:port',
    'redis://h/1',
    'redis://h?db=1',
    'redis://user@h',
    'redis://p,w@h',
    'redis://me:%zz@h',
    'redis://a,rediss://b',
    'redis://a,',
    'unix:///redis.sock',
  ]) {
    expect(() => urlOf(wrong), wrong).toThrow(/REDIS_URL: must /);
  }
});

test('the rate limit is off or a number; the proxies are so many, or at these places', () => {
  expect(loadConfig({ RATE_LIMIT: '600' }).rateLimit).toBe(600);
  expect(loadConfig({ RATE_LIMIT: 'off' }).rateLimit).toBe(0);
  expect(loadConfig({ TRUST_PROXY: '2' }).trustProxy).toBe(2);
  const networks = ['10.0.0.0/8', '192.168.1.7', '2001:db8::/32'];
  expect(loadConfig({ TRUST_PROXY: networks.join(', ') }).trustProxy).toEqual(networks);
  for (const wrong of ['0', '17', 'true', '10.0.0.0/33', '10.0.0', '1,2', 'proxy.example', '2001:db8::/129', ',']) {
    expect(() => loadConfig({ TRUST_PROXY: wrong }), wrong).toThrow(/TRUST_PROXY: must be the number/);
  }
  for (const wrong of ['0', '-1', '1.5', 'on', '1e3']) {
    expect(() => loadConfig({ RATE_LIMIT: wrong }), wrong).toThrow(/RATE_LIMIT: must be off or/);
  }
});

test('the whole of a request may not have less time than its head', () => {
  const set = { HEADERS_TIMEOUT_SECONDS: '20', REQUEST_TIMEOUT_SECONDS: '19' };
  expect(() => loadConfig(set)).toThrow(/REQUEST_TIMEOUT_SECONDS: must be at least/);
  expect(loadConfig({ ...set, REQUEST_TIMEOUT_SECONDS: '20' }).requestTimeoutSeconds).toBe(20);
});

describe('every setting', () => {
  const settings = listSettings();
  const example = readFileSync('.env.example', 'utf8').split('\n');

  test('that the configuration is made of is listed', () => {
    // What is read of the environment, as the source has it.
    const read = readFileSync('src/config.ts', 'utf8').matchAll(/settings\.([A-Z_]+)/g);
    const names = new Set([...read].map(([, name]) => name));
    expect(settings.map(({ name }) => name).sort()).toEqual([...names].sort());
  });

  test('is in .env.example, with its default, or commented out where it has none', () => {
    const listed = example.flatMap((line) => {
      const [, off, name, value] = /^(# ?)?([A-Z_]+)=(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, off === undefined ? value : undefined]];
    });
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(settings.map(({ name, fallback }) => [name, fallback])),
    );
    expect(listed.length).toBe(settings.length);
  });

  test('is in --help, with its default, its unit and what it is for', () => {
    const lines = serverHelp().split('\n');
    for (const { name, fallback, unit, description } of settings) {
      const at = lines.findIndex((line) => new RegExp(`^  ${name}(=|\\s|$)`).test(line));
      expect(lines[at], name).toMatch(fallback === undefined ? `  ${name}` : `  ${name}=${fallback}`);
      if (unit !== undefined) expect(lines[at], name).toContain(unit);
      expect(lines[at + 1].trim(), name).toMatch(description.slice(0, 40));
    }
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(110);
  });

  test('that may be zero says what zero means', () => {
    for (const { name, values, description } of settings) {
      if (values?.startsWith('0 to')) expect(description, name).toMatch(/\b0: /);
    }
  });

  test('has a default that is valid when it is written out', () => {
    const written = settings.flatMap(({ name, fallback }) => (fallback === undefined ? [] : [[name, fallback]]));
    expect(loadConfig(Object.fromEntries(written))).toEqual(loadConfig({}));
  });
});
