import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { fetchKeys } from '../../src/auth/fetch-keys.ts';
import { IssuerKeys } from '../../src/auth/jwks.ts';
import { Issuer, type IssuerKey, makeKey } from '../support/issuer.ts';

const [a, b] = [makeKey('ES256', 'a'), makeKey('EdDSA', 'b')];
const header = ({ alg, kid }: IssuerKey) => ({ alg, kid });
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The keys of an issuer, and what is logged of them. */
function keysOf({ url }: Issuer) {
  const lines: string[] = [];
  const keys = new IssuerKeys(url, { warn: (line) => lines.push(line), info: (line) => lines.push(line) });
  onTestFinished(() => keys.close());
  return { keys, lines };
}

test('a key is found by its kid; the issuer is asked once for all who come at the start', async () => {
  const issuer = await Issuer.start(a, b);
  const { keys } = keysOf(issuer);
  const found = await Promise.all([a, b, a].map((key) => keys.find(header(key))));
  expect(found.map(({ algorithm }) => algorithm.name)).toEqual(['ECDSA', 'Ed25519', 'ECDSA']);
  expect(issuer.asked).toBe(1);
});

test('for a key that nobody knows the issuer is asked again, by many at once, and every 30 s at the most', async () => {
  const issuer = await Issuer.start(a);
  const { keys } = keysOf(issuer);
  await keys.find(header(a));
  await expect(keys.find(header(b))).rejects.toMatchObject({ code: 'unauthorized' });
  expect(issuer.asked).toBe(1);
  vi.advanceTimersByTime(30_000);
  issuer.publish(a, b);
  await Promise.all([keys.find(header(b)), keys.find(header(b)), keys.find(header(a))]);
  expect(issuer.asked).toBe(2);
  for (let i = 0; i < 100; i++) {
    await expect(keys.find({ alg: 'ES256', kid: `guess-${i}` })).rejects.toMatchObject({ code: 'unauthorized' });
  }
  expect(issuer.asked).toBe(2);
});

test('keys are fetched every ten minutes; what was withdrawn is good no more, and that is counted', async () => {
  const issuer = await Issuer.start(a, b);
  const { keys } = keysOf(issuer);
  await keys.find(header(b));
  vi.advanceTimersByTime(10 * MINUTE);
  await keys.refresh();
  expect([issuer.asked, keys.withdrawals]).toEqual([2, 0]);
  issuer.publish(a);
  vi.advanceTimersByTime(10 * MINUTE);
  await keys.refresh();
  expect([issuer.asked, keys.withdrawals]).toEqual([3, 1]);
  await expect(keys.find(header(b))).rejects.toMatchObject({ code: 'unauthorized' });
  await keys.find(header(a));
});

test('while the issuer is away known keys stay good for a day, and unknown ones cannot be judged', async () => {
  const issuer = await Issuer.start(a);
  const { keys, lines } = keysOf(issuer);
  await keys.find(header(a));
  issuer.answer('away', 500);
  for (let minutes = 10; minutes <= 24 * 60; minutes += 10) {
    vi.advanceTimersByTime(10 * MINUTE);
    await keys.refresh();
  }
  await keys.find(header(a));
  await expect(keys.find(header(b))).rejects.toMatchObject({ code: 'unavailable' });
  expect(lines).toEqual(['the keys of JWKS_URL could not be fetched: the answer is 500']);
  expect(keys.withdrawals).toBe(0);
  vi.advanceTimersByTime(10 * MINUTE);
  await keys.refresh();
  await expect(keys.find(header(a))).rejects.toMatchObject({ code: 'unavailable' });
  expect([keys.withdrawals, keys.available]).toEqual([1, false]);
  vi.advanceTimersByTime(10 * MINUTE);
  await keys.refresh();
  expect(lines.slice(1)).toEqual([expect.stringMatching(/a day old and good no more.*500/)]);
  issuer.publish(a);
  vi.advanceTimersByTime(5_000);
  await keys.find(header(a));
  expect(lines.slice(2)).toEqual(['the keys of JWKS_URL are there again']);
  expect(keys.available).toBe(true);
});

test('without any key the issuer is asked every 5 s at the most, and tokens cannot be judged', async () => {
  const issuer = await Issuer.start(a);
  issuer.answer('{', 200);
  const { keys } = keysOf(issuer);
  for (let i = 0; i < 20; i++) await expect(keys.find(header(a))).rejects.toMatchObject({ code: 'unavailable' });
  expect(issuer.asked).toBe(1);
  vi.advanceTimersByTime(5_000);
  issuer.publish(a);
  await keys.find(header(a));
  expect(issuer.asked).toBe(2);
});

test('a token that names no key is taken where its algorithm has one, and not where it has several', async () => {
  const issuer = await Issuer.start(a, b, makeKey('EdDSA', 'c'));
  const { keys } = keysOf(issuer);
  await keys.find({ alg: 'ES256' });
  await expect(keys.find({ alg: 'EdDSA' })).rejects.toMatchObject({ code: 'unauthorized', message: /kid/ });
});

test('secrets, private keys, short ones and those of other algorithms are left out', async () => {
  const oct = { kty: 'oct', kid: 'o', alg: 'HS256', k: 'c2VjcmV0' };
  const secret = { ...a.privateKey.export({ format: 'jwk' }), kid: 'p' };
  const short = { kty: 'RSA', kid: 's', alg: 'RS256', e: 'AQAB', n: 'x'.repeat(171) };
  const odd = { kty: 'EC', crv: 'P-384', x: 'x', y: 'y' };
  const issuer = await Issuer.start();
  issuer.publish({ jwk: oct }, { jwk: secret }, { jwk: short }, { jwk: odd }, { jwk: null }, { jwk: 'x' }, a, b);
  expect((await fetchKeys(issuer.url)).map(({ kid }) => kid)).toEqual(['a', 'b']);
  issuer.publish({ jwk: oct });
  const { keys, lines } = keysOf(issuer);
  await expect(keys.find({ alg: 'HS256', kid: 'o' })).rejects.toThrow();
  await expect(keys.find(header(a))).rejects.toMatchObject({ code: 'unauthorized' });
  expect(lines).toEqual([expect.stringContaining('has no key')]);
});

test.each<[what: string, fault: (issuer: Issuer) => void, why: RegExp]>([
  ['is no JSON', (issuer) => issuer.answer('<html>'), /not JSON/],
  ['is null', (issuer) => issuer.answer('null'), /no JWK set/],
  ['has no list', (issuer) => issuer.answer('{"keys":{"length":1}}'), /no JWK set/],
  ['is an error', (issuer) => issuer.answer('{"keys":[]}', 404), /is 404/],
  ['points elsewhere', (issuer) => issuer.answer('', 302, { location: issuer.url }), /redirect/],
  [
    'is larger than allowed',
    (issuer) => issuer.answer(`{"keys":[]}${' '.repeat(256 * 1024)}`),
    /more than 262144 bytes/,
  ],
])('an answer that %s is a failure that says so', async (_what, fault, why) => {
  const issuer = await Issuer.start(a);
  fault(issuer);
  await expect(fetchKeys(issuer.url)).rejects.toThrow(why);
  expect(issuer.asked).toBe(1);
});

test('nobody there is a failure that says so, and one that hangs is given up', async () => {
  await expect(fetchKeys('http://127.0.0.1:1/')).rejects.toThrow(/ECONNREFUSED|bad port/);
  const issuer = await Issuer.start(a);
  issuer.hang();
  const closing = new AbortController();
  const fetching = fetchKeys(issuer.url, closing.signal);
  await vi.waitFor(() => expect(issuer.asked).toBe(1));
  closing.abort();
  await expect(fetching).rejects.toThrow(/abort/);
});
