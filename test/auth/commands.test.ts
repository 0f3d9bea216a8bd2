import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { mintAsAsked } from '../../src/auth/mint.ts';
import { checkCommand } from '../../src/check.ts';
import { UsageError } from '../../src/command-line.ts';
import { Issuer, issued, makeKey } from '../support/issuer.ts';
import { ServerProcess } from '../support/process.ts';
import { SECRET, startServer } from '../support/server.ts';
import { signed } from '../support/sign.ts';
import { slowTest } from '../support/slow.ts';

const NEARBY = '/v1/drivers/nearby?latitude=1&longitude=2';
const key = makeKey('ES256', 'e');

const someone = ['--sub', 'me', '--scope', 'positions:read'];
const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());

slowTest(
  'with an issuer a start needs no secret, makes none, prints no token, and warns of what is not asked of them',
  async () => {
    const issuer = await Issuer.start(key);
    const dataDir = mkdtempSync(join(tmpdir(), 'nearcast-issuer-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));
    const server = new ServerProcess({ DATA_DIR: dataDir, NODE_ENV: 'production', JWKS_URL: issuer.url });
    const url = await server.ready;
    expect(server.stdout.join()).not.toMatch(/TOKEN|eyJ/);
    expect(server.stderr).toMatch(/JWKS_URL is set without JWT_AUDIENCE and JWT_ISSUER/);
    const ask = async (jwt: string) => {
      const answer = await fetch(url + NEARBY, { headers: { authorization: `Bearer ${jwt}` } });
      return answer.status;
    };
    expect(await ask(issued(key))).toBe(200);
    expect(await ask(signed(SECRET, { sub: 'x', exp: 4102444800, scope: 'positions:read' }))).toBe(401);
    expect(existsSync(join(dataDir, 'jwt-secret'))).toBe(false);
  },
);

test('--check asks the issuer for its keys', async () => {
  const issuer = await Issuer.start(key);
  vi.stubEnv('JWKS_URL', issuer.url);
  vi.stubEnv('PORT', '0');
  const said = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    await checkCommand(['--check']);
    expect(said.mock.lastCall).toEqual([expect.stringMatching(/^ok {5}JWKS_URL: 1 key that/)]);
    issuer.answer('gone', 410);
    expect(await checkCommand(['--check'])).toBe(1);
    expect(said.mock.lastCall).toEqual([expect.stringMatching(/^wrong {2}JWKS_URL: the answer is 410\. .*503/)]);
    const notes = () => said.mock.calls.map(([line]) => line).filter((line) => line.startsWith('note'));
    expect(notes().at(-1)).toMatch(/without JWT_AUDIENCE and JWT_ISSUER/);
    vi.stubEnv('JWT_ISSUER', 'me');
    await checkCommand(['--check']);
    expect(notes().at(-1)).toMatch(/without JWT_AUDIENCE: .*whatever service they are for$/);
    vi.stubEnv('JWT_AUDIENCE', 'nearcast');
    said.mockClear();
    await checkCommand(['--check']);
    expect(notes()).toEqual([]);
  } finally {
    said.mockRestore();
    vi.unstubAllEnvs();
  }
});

test('npm run token mints what is asked for, and the server takes it', async () => {
  const env = { JWT_SECRET: SECRET, JWT_ISSUER: 'me', JWT_AUDIENCE: 'nearcast' };
  const limits = ['--area', '-33.9,151.2,5000', '--precision', '9', '--jti', 'mine', '--ttl', '60', '--fleet', 'red'];
  const jwt = mintAsAsked([...someone, ...limits], env);
  const { iat, exp, ...claims } = claimsOf(jwt);
  expect(exp - iat).toBe(60);
  expect(claims).toEqual({
    sub: 'me',
    scope: 'positions:read',
    fleet: 'red',
    area: { latitude: -33.9, longitude: 151.2, radius: 5000 },
    precision: 9,
    jti: 'mine',
    iss: 'me',
    aud: 'nearcast',
  });
  const server = await startServer({ env });
  expect((await server.get(NEARBY, { authorization: `Bearer ${jwt}` })).status).toBe(200);
  const ids = [1, 2].map(() => claimsOf(mintAsAsked(someone, env)).jti);
  expect(ids[0]).toMatch(/^[\w-]{16}$/);
  expect(ids[0]).not.toBe(ids[1]);
});

test.each<[string[], Record<string, string>, RegExp]>([
  [[...someone, '--area', '1,2'], {}, /--area must be latitude,longitude,radius/],
  [[...someone, '--area', '91,2,3'], {}, /--area\.latitude/],
  [[...someone, '--precision', '16'], {}, /--precision must be a whole number, 0 to 15/],
  [someone, { JWKS_URL: 'https://issuer.example/keys' }, /made by their issuer alone/],
])('npm run token %j is a usage error that says why', (argv, env, why) => {
  const mint = () => mintAsAsked(argv, env);
  expect(mint).toThrow(UsageError);
  expect(mint).toThrow(why);
});
