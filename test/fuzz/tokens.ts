import { createHmac } from 'node:crypto';
import { mintToken, type TokenClaims } from '../../src/auth/tokens.ts';
import type { Random } from '../support/random.ts';
import type { HandshakeCase, RequestCase } from './case.ts';
import { HANDSHAKE } from './handshakes.ts';
import { garble, mutate, write } from './mutate.ts';
import { nastyString } from './nasty.ts';
import { headerValue } from './requests.ts';

/** What the servers of a fuzz sign and verify with. */
export const SECRET = 'a secret of at least thirty-two bytes';
const DAY = 86_400;
const ALL = 'positions:read positions:write:any metrics:read access:manage';

const CLAIMS: Readonly<Record<string, Omit<TokenClaims, 'ttlSeconds'>>> = {
  all: { sub: 'all', scope: ALL },
  reader: { sub: 'reader', scope: 'positions:read' },
  driver: { sub: 'd1', scope: 'positions:write' },
  bounded: { sub: 'bounded', scope: ALL, area: { latitude: 40.75, longitude: -73.98, radius: 5_000 } },
  coarse: { sub: 'coarse', scope: ALL, precision: 6 },
  metrics: { sub: 'metrics', scope: 'metrics:read' },
  peer: { sub: 'peer', scope: 'positions:read positions:write:any' },
  elsewhere: { sub: 'all', scope: ALL, fleet: 'elsewhere' },
};
const minted = new Map(
  Object.entries(CLAIMS).map(([name, claims]) => [
    name,
    mintToken(SECRET, { ...claims, jti: `fuzz ${name}`, ttlSeconds: DAY }),
  ]),
);

/** A good token by the name of a caller. */
export function tokenOf(name: string): string {
  // One that ends while its connection is open.
  if (name === 'brief') return mintToken(SECRET, { sub: 'brief', scope: ALL, ttlSeconds: 2 });
  return minted.get(name) ?? (minted.get('all') as string);
}

const base64 = (text: string) => Buffer.from(text).toString('base64url');

function signed(header: string, payload: string, secret = SECRET, hash = 'sha256'): string {
  const text = `${base64(header)}.${base64(payload)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

/** A token in which something may be wrong, at one of the doors. */
export function tokenCase(random: Random): RequestCase | HandshakeCase {
  const { token, forged } = oddToken(random);
  const value = headerValue(token);
  switch (random.below(5)) {
    case 0:
      return {
        kind: 'token',
        target: `/ws?access_token=${encodeURIComponent(token.toWellFormed())}`,
        headers: HANDSHAKE,
        forged,
      };
    case 1: {
      const protocol: [string, string] = [
        'sec-websocket-protocol',
        `nearcast.v1, bearer.${value.replace(/[^\w.-]/g, '')}`,
      ];
      return { kind: 'token', target: '/ws', headers: [...HANDSHAKE, protocol], forged };
    }
    case 2:
      return {
        kind: 'token',
        target: '/ws',
        headers: HANDSHAKE,
        first: write({ type: 'authenticate', token }),
        forged,
      };
    default:
      return {
        kind: 'token',
        method: 'GET',
        target: '/v1/drivers/nearby?latitude=40.75&longitude=-73.98',
        headers: [
          [
            'authorization',
            `${random.below(10) === 0 ? random.pick(['bearer', 'BEARER', 'Basic']) : 'Bearer'} ${value}`,
          ],
        ],
        forged,
      };
  }
}

function oddToken(random: Random): { token: string; forged: boolean } {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: 'HS256', typ: 'JWT' };
  const claims: Record<string, unknown> = {
    sub: 'all',
    scope: ALL,
    exp: now + DAY,
    ...(random.below(4) === 0 && { area: { latitude: 40.75, longitude: -73.98, radius: 5_000 } }),
    ...(random.below(4) === 0 && { precision: random.below(16), jti: 'j', fleet: 'default', nbf: now - 10, iat: now }),
  };
  const payload = write(claims);
  switch (random.below(10)) {
    case 0:
      return {
        token: `${base64(write({ ...header, alg: random.pick(['none', 'None', 'NONE', '']) }))}.${base64(payload)}.`,
        forged: true,
      };
    case 1:
      return { token: signed(write(header), payload, `${SECRET}!`), forged: true };
    case 2:
      return {
        token: signed(write({ ...header, alg: random.pick(['HS512', 'RS256', 'ES256', 'EdDSA', 'x']) }), payload),
        forged: true,
      };
    case 3:
      return { token: signed(write(header), write({ ...claims, exp: now - 1 - random.below(DAY) })), forged: true };
    case 4:
      return { token: signed(write(header), write({ ...claims, nbf: now + 60 + random.below(DAY) })), forged: true };
    case 5:
      // Signed, and to be judged by what it says.
      return { token: signed(write(mutate(header, random)), payload), forged: false };
    case 6:
      return { token: garble(signed(write(header), payload), random), forged: false };
    case 7:
      return { token: nastyString(random), forged: true };
    default:
      return { token: signed(write(header), write(mutate(mutate(claims, random), random))), forged: false };
  }
}
