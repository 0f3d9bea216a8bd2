import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../src/config.ts';

test('without any setting the defaults hold; an empty variable counts as absent', () => {
  expect(loadConfig({ PORT: '', JWT_SECRET: '' })).toEqual({
    host: '127.0.0.1',
    permessageDeflate: false,
    pingSeconds: 25,
    port: 8080,
    databaseUrl: undefined,
    dataDir: './data',
    jwtSecret: undefined,
    jwtIssuer: undefined,
    jwtAudience: undefined,
    driverTtlSeconds: 300,
    historyRetentionDays: 7,
    maxPendingFixes: 200_000,
    maxFutureSeconds: 30,
    maxRadiusMeters: 100_000,
    maxSubscriptions: 100,
    corsOrigins: [],
    logLevel: 'info',
    production: false,
    slowSeconds: 60,
    unknown: [],
  });
});

test('every problem is listed at once', () => {
  const wrong = {
    PORT: '65536',
    DATABASE_URL: 'mysql://x',
    JWT_SECRET: 'short',
    DRIVER_TTL_SECONDS: '0',
    MAX_FUTURE_SECONDS: '-1',
    MAX_RADIUS_METERS: '1e9',
    CORS_ORIGINS: 'https://a.example,b',
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

test('production needs a secret', () => {
  expect(() => loadConfig({ NODE_ENV: 'production' })).toThrow(/JWT_SECRET: is required/);
  expect(loadConfig({ NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) }).production).toBe(true);
});

test('.env.example lists every setting with its default', () => {
  const lines = readFileSync('.env.example', 'utf8').split('\n');
  const listed = lines.map((line) => /^#? ?([A-Z_]+)=/.exec(line)?.[1]).filter((name) => name !== undefined);
  const source = readFileSync('src/config.ts', 'utf8');
  const known = [...source.matchAll(/^ {4}([A-Z_]+):/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(known.sort());
});
