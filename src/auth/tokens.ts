import { createSigner } from 'fast-jwt';
import { DomainError } from '../errors.ts';
import { claimsSchema, Principal } from './principal.ts';

/** What a minted token says. */
export interface TokenClaims {
  readonly sub: string;
  readonly scope: string;
  readonly fleet?: string;
  readonly ttlSeconds: number;
}

/** Signs a token (HS256). */
export function mintToken(secret: string, { sub, scope, fleet, ttlSeconds }: TokenClaims): string {
  return createSigner({ key: secret, algorithm: 'HS256', expiresIn: ttlSeconds * 1000 })({
    sub,
    scope,
    ...(fleet === undefined ? {} : { fleet }),
  });
}

/** Turns a token into its principal. @throws {DomainError} `unauthorized`, with the reason */
export type Authenticate = (token: string) => Principal;

/** @param verify checks signature, algorithm, expiry, issuer and audience, and throws what is wrong */
export function authenticator(verify: (token: string) => unknown): Authenticate {
  return (token) => {
    let payload: unknown;
    try {
      payload = verify(token);
    } catch (error) {
      throw new DomainError('unauthorized', reason(error));
    }
    const claims = claimsSchema.safeParse(payload);
    if (claims.success) return new Principal(claims.data);
    const wrong = claims.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new DomainError('unauthorized', `The token’s claims are not as they must be: ${wrong}.`);
  };
}

/** Says what is wrong with a token in our own words: a verifier’s message may quote the token. */
function reason(error: unknown): string {
  switch ((error as { code?: string }).code) {
    case 'FAST_JWT_EXPIRED':
      return 'The token has expired.';
    case 'FAST_JWT_INACTIVE':
      return 'The token is not valid yet.';
    case 'FAST_JWT_INVALID_SIGNATURE':
      return 'The token’s signature is not valid here.';
    case 'FAST_JWT_INVALID_ALGORITHM':
      return 'The token’s algorithm is not accepted.';
    case 'FAST_JWT_INVALID_CLAIM_VALUE':
      return 'The token’s issuer or audience is not accepted.';
    case 'FAST_JWT_MISSING_REQUIRED_CLAIM':
      return 'The token lacks a required claim.';
    default:
      return 'The token is not valid.';
  }
}
