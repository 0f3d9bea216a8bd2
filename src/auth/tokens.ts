import { createSigner } from 'fast-jwt';
import { DomainError } from '../errors.ts';
import { claimsSchema, Principal } from './principal.ts';

/** What a minted token says. */
export interface TokenClaims {
  readonly sub: string;
  readonly scope: string;
  readonly fleet?: string;
  /** Bounds what may be read; degrees and metres. */
  readonly area?: { readonly latitude: number; readonly longitude: number; readonly radius: number };
  /** H3 resolution that positions are coarsened to. */
  readonly precision?: number;
  readonly jti?: string;
  readonly ttlSeconds: number;
}

/** Signs a token (HS256). */
export function mintToken(secret: string, { ttlSeconds, ...claims }: TokenClaims): string {
  const given = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return createSigner({ key: secret, algorithm: 'HS256', expiresIn: ttlSeconds * 1000 })(given);
}

/** Turns a token into its principal. @throws {DomainError} `unauthorized`, with the reason */
export type Authenticate = (token: string) => Principal;

/** How many tokens are remembered. */
const REMEMBERED = 10_000;

/**
 * Tokens that were verified are remembered until they end, so that a client that asks again and again is not verified
 * again: that takes longer than to answer.
 *
 * @param verify checks signature, algorithm, expiry, issuer and audience, and throws what is wrong
 * @param now the server's clock, epoch milliseconds
 */
export function authenticator(verify: (token: string) => unknown, now: () => number): Authenticate {
  const remembered = new Map<string, Principal>();
  return (token) => {
    const known = remembered.get(token);
    if (known !== undefined) {
      if (now() < known.expiresAt) return known;
      remembered.delete(token);
    }
    const principal = principalOf(token, verify);
    // Those that came first give way, used or not: they are verified once more.
    if (remembered.size === REMEMBERED) remembered.delete(remembered.keys().next().value as string);
    remembered.set(token, principal);
    return principal;
  };
}

function principalOf(token: string, verify: (token: string) => unknown): Principal {
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
