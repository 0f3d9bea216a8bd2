import { createSecretKey } from 'node:crypto';
import { errors, type JWSHeaderParameters, jwtVerify } from 'jose';
import { DomainError } from '../errors.ts';
import type { IssuerKeys } from './jwks.ts';

/**
 * The claims of a token whose signature, algorithm, times, issuer and audience are as they must be.
 *
 * @throws {DomainError} `unauthorized`, with the reason; `unavailable`: it cannot be judged now
 */
export type Verify = (token: string) => Promise<unknown>;

/** Whose tokens are taken. */
export interface Trust {
  /** HS256 tokens must be signed with it. Absent: there are none. */
  readonly secret?: string;
  /** Tokens of every other algorithm must be signed with one of these. Absent: there are none. */
  readonly keys?: Pick<IssuerKeys, 'find'>;
  /** Tokens must have this `iss`. Absent: not looked at. */
  readonly issuer?: string;
  /** Tokens must have this `aud`, maybe among others. Absent: not looked at. */
  readonly audience?: string;
  /** By so many seconds the clocks of issuers may differ from the server's. */
  readonly tolerance: number;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
}

/** Signed with a secret that both sides know. */
const SHARED = 'HS256';
/** Signed with a key that only the issuer has. */
const PUBLIC = ['RS256', 'ES256', 'EdDSA'];

/** Verifies tokens. Which key a token is held against is decided by its algorithm alone, and never by what it brings. */
export function verifier({ secret, keys, issuer, audience, tolerance, now }: Trust): Verify {
  const secretKey = secret === undefined ? undefined : createSecretKey(Buffer.from(secret));
  const algorithms = [...(secretKey === undefined ? [] : [SHARED]), ...(keys === undefined ? [] : PUBLIC)];
  const keyFor = (header: JWSHeaderParameters) => {
    refuseDemands(header);
    const key = header.alg === SHARED ? secretKey : keys?.find(header);
    if (key === undefined) throw new Error('There is no key for an algorithm that is accepted');
    return key;
  };
  // An issuer or audience that is asked for is required with it.
  const options = {
    algorithms,
    issuer,
    audience,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: tolerance,
  };
  return async (token) => {
    try {
      return (await jwtVerify(token, keyFor, { ...options, currentDate: new Date(now()) })).payload;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      throw new DomainError('unauthorized', reason(error));
    }
  };
}

/** Header fields that ask to be understood, or that bring a key of their own. */
const DEMANDS = ['crit', 'jwk', 'x5u'];

function refuseDemands(header: JWSHeaderParameters): void {
  const demand = DEMANDS.find((name) => Object.hasOwn(header, name));
  if (demand !== undefined) throw new DomainError('unauthorized', `A token’s header must not have ${demand}.`);
}

/** Says what is wrong with a token in our own words: a verifier’s message may quote the token. */
function reason(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.';
  if (error instanceof errors.JWTClaimValidationFailed) return wrongClaim(error);
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The token’s signature is not valid here.';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token’s algorithm is not accepted.';
  return 'The token is not valid.';
}

function wrongClaim({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `The token lacks a required claim: ${claim}.`;
  if (claim === 'nbf' && reason === 'check_failed') return 'The token is not valid yet.';
  if (claim === 'iss') return 'The token’s issuer (iss) is not accepted.';
  if (claim === 'aud') return 'The token is for another audience (aud).';
  return `The token’s claims are not as they must be: ${claim}.`;
}
