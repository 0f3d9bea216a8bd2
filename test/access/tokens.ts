import { createHmac, generateKeyPairSync, type KeyObject, sign as signWith } from 'node:crypto';
import { SECRET } from '../support/server.ts';

export const ISSUER = 'https://issuer.test';
export const AUDIENCE = 'nearcast';
const DAY = 86_400;
const HASHES: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

type Claims = Readonly<Record<string, unknown>>;

/** What every scope together allows. */
export const EVERYTHING = 'positions:read positions:write positions:write:any metrics:read access:manage';

/** The claims of a token that is good here; undefined takes one away. */
export function claims(own: Claims = {}): Claims {
  const now = Math.floor(Date.now() / 1000);
  const base = { sub: 'd1', fleet: 'red', scope: EVERYTHING, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + DAY };
  return { ...base, ...own };
}

/** A JSON Web Token (RFC 7515) made by hand: the library that the server trusts does not judge itself. */
export function jwt(
  payload: Claims,
  { key = SECRET, header = {} }: { key?: string | KeyObject; header?: Claims } = {},
) {
  const alg = String(header.alg ?? 'HS256');
  const text = `${part({ alg, typ: 'JWT', ...header })}.${part(payload)}`;
  return `${text}.${signature(alg, text, key)}`;
}

function part(json: Claims): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}

function signature(alg: string, text: string, key: string | KeyObject): string {
  if (typeof key === 'string') {
    const hash = HASHES[alg];
    return hash === undefined ? '' : createHmac(hash, key).update(text).digest('base64url');
  }
  return signWith(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), key).toString('base64url');
}

/** A key of somebody whom the server does not know, and one whose public half it may. */
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const known = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** Tokens that no door may take, each but for one fault as good as any. By what is wrong with it. */
export function badTokens(): Readonly<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const good = jwt(claims());
  const [head, body, mark] = good.split('.');
  const pem = known.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const jwk = stranger.publicKey.export({ format: 'jwk' });
  return {
    empty: '',
    rubbish: 'rubbish',
    'three parts of rubbish': 'a.b.c',
    'without signature': `${head}.${body}.`,
    'of two parts': `${head}.${body}`,
    'of four parts': `${good}.${mark}`,
    'changed after it was signed': `${head}.${part(claims({ sub: 'd2' }))}.${mark}`,
    'with the signature cut': good.slice(0, -3),
    expired: jwt(claims({ exp: now - 2 })),
    'not valid yet': jwt(claims({ nbf: now + 3600 })),
    'of another key': jwt(claims(), { key: `${SECRET}!` }),
    'of alg none': `${part({ alg: 'none', typ: 'JWT' })}.${body}.`,
    'of alg None with a signature': `${part({ alg: 'None', typ: 'JWT' })}.${body}.${mark}`,
    'signed by HS256 with a public key': jwt(claims(), { key: pem }),
    'signed by HS256 with that key trimmed': jwt(claims(), { key: pem.trim() }),
    'signed by HS384': jwt(claims(), { header: { alg: 'HS384' } }),
    'signed by HS512': jwt(claims(), { header: { alg: 'HS512' } }),
    'signed by RS256 of a stranger': jwt(claims(), { key: stranger.privateKey, header: { alg: 'RS256' } }),
    'with its own key in it': jwt(claims(), { key: stranger.privateKey, header: { alg: 'RS256', jwk } }),
    'with a header that must be understood': jwt(claims(), { header: { crit: ['sth'], sth: 1 } }),
    'for another audience': jwt(claims({ aud: 'other' })),
    'for no audience': jwt(claims({ aud: undefined })),
    'of another issuer': jwt(claims({ iss: 'https://other.test' })),
    'of no issuer': jwt(claims({ iss: undefined })),
    'without end': jwt(claims({ exp: undefined })),
    'without subject': jwt(claims({ sub: undefined })),
    'of a fleet that is no name': jwt(claims({ fleet: '../red' })),
    'of fleet null': jwt(claims({ fleet: null })),
    'with an area that is none': jwt(claims({ area: null })),
    'with an area without radius': jwt(claims({ area: { latitude: 1, longitude: 2 } })),
    'with a precision that is none': jwt(claims({ precision: 16 })),
  };
}
