import { createHmac, type KeyObject, sign } from 'node:crypto';

/** How Node names the hash of each algorithm with keys of two parts; EdDSA has its own. */
const HASHES: Readonly<Record<string, string | undefined>> = { RS256: 'sha256', ES256: 'sha256' };

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** A token with this header and these claims as they are, right or wrong, signed with a secret, by HMAC. */
export function signed(secret: string | Buffer, claims: unknown, header: object = {}, hash = 'sha256'): string {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

/** As {@link signed}, with a private key, by the algorithm that the header names. */
export function signedByKey(key: KeyObject, claims: unknown, header: { readonly alg: string }): string {
  const text = `${encode({ typ: 'JWT', ...header })}.${encode(claims)}`;
  const signature = sign(HASHES[header.alg], Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}
