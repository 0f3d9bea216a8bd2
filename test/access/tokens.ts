import { createPublicKey } from 'node:crypto';
import { type IssuerKey, makeKey } from '../support/issuer.ts';
import { SECRET } from '../support/server.ts';
import { signed, signedByKey } from '../support/sign.ts';

export const ISSUER = 'https://issuer.test';
export const AUDIENCE = 'nearcast';
const DAY = 86_400;

type Claims = Readonly<Record<string, unknown>>;

/** What every scope together allows. */
export const EVERYTHING = 'positions:read positions:write positions:write:any metrics:read access:manage';

/** The claims of a token that is good here; undefined takes one away. */
export function claims(own: Claims = {}): Claims {
  const now = Math.floor(Date.now() / 1000);
  const base = { sub: 'd1', fleet: 'red', scope: EVERYTHING, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + DAY };
  return { ...base, ...own };
}

/** A token signed with the secret, made by hand: the library that the server trusts does not judge itself. */
export function jwt(payload: Claims): string {
  return signed(SECRET, payload);
}

/** The keys that the issuer publishes. */
export const KEYS = {
  RS256: makeKey('RS256', 'r'),
  ES256: makeKey('ES256', 'e'),
  EdDSA: makeKey('EdDSA', 'd'),
} as const;
/** One that nobody published. */
const STRANGER = makeKey('RS256', 'r');

/** A token signed with a key. @param header fields beside those that name the key, or in their place */
export function jwtBy({ alg, kid, privateKey }: IssuerKey, payload: Claims, header: Claims = {}): string {
  const named = { kid, ...header, alg };
  return signedByKey(privateKey, payload, named);
}

/** Tokens that no door may take, each but for one fault as good as any. By what is wrong with it. */
export function badTokens(): Readonly<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const good = jwt(claims());
  const [head, body, mark] = good.split('.');
  const part = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const { RS256, ES256 } = KEYS;
  const pem = ({ privateKey }: IssuerKey) =>
    String(createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }));
  const der = createPublicKey(RS256.privateKey).export({ type: 'spki', format: 'der' });
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
    'of another secret': signed(`${SECRET}!`, claims()),
    'of alg none': `${part({ alg: 'none', typ: 'JWT' })}.${body}.`,
    'of alg None with a signature': `${part({ alg: 'None', typ: 'JWT' })}.${body}.${mark}`,
    'signed by HS256 with the published RSA key': signed(pem(RS256), claims(), { kid: 'r' }),
    'signed by HS256 with that key trimmed': signed(pem(RS256).trim(), claims(), { kid: 'r' }),
    'signed by HS256 with its bytes': signed(der, claims(), { kid: 'r' }),
    'signed by HS256 with its JWK': signed(JSON.stringify(RS256.jwk), claims(), { kid: 'r' }),
    'signed by HS256 with the published EC key': signed(pem(ES256), claims(), { kid: 'e' }),
    'signed by HS384': signed(SECRET, claims(), { alg: 'HS384' }, 'sha384'),
    'signed by HS512': signed(SECRET, claims(), { alg: 'HS512' }, 'sha512'),
    'that says RS256, signed with the secret': signed(SECRET, claims(), { alg: 'RS256', kid: 'r' }),
    'signed by RS256 of a stranger': jwtBy(STRANGER, claims()),
    'of a stranger without kid': jwtBy(STRANGER, claims(), { kid: undefined }),
    'of a stranger with an unknown kid': jwtBy(STRANGER, claims(), { kid: 'unknown' }),
    'of a stranger with its own key in it': jwtBy(STRANGER, claims(), { jwk: STRANGER.jwk }),
    'of a stranger that says where its keys are': jwtBy(STRANGER, claims(), { jku: 'http://127.0.0.1:1/jwks.json' }),
    'of one key in the name of another': jwtBy(RS256, claims(), { kid: 'e' }),
    'of a key that is expired': jwtBy(RS256, claims({ exp: now - 2 })),
    'of a key for another audience': jwtBy(ES256, claims({ aud: 'other' })),
    'with a header that must be understood': signed(SECRET, claims(), { crit: ['sth'], sth: 1 }),
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
    'of more than 8 kB': jwt(claims({ filling: 'x'.repeat(8192) })),
  };
}
