import { createSecretKey } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import { DomainError } from '../errors.ts';

/**
 * The claims of a token whose signature, algorithm, times, issuer and audience are as they must be.
 *
 * @throws {DomainError} `unauthorized`, with the reason
 */
export type Verify = (token: string) => Promise<unknown>;

/** Whose tokens are taken. */
export interface Trust {
  /** HS256 tokens must be signed with it. */
  readonly secret: string;
  /** Tokens must have this `iss`. Absent: not looked at. */
  readonly issuer?: string;
  /** Tokens must have this `aud`, maybe among others. Absent: not looked at. */
  readonly audience?: string;
  /** By so many seconds the clocks of issuers may differ from the server's. */
  readonly tolerance: number;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
}

/** What `jose` hands over of a token's header, which is anybody's word. */
type Header = Readonly<Record<string, unknown>>;

/** Verifies tokens. Which key a token is held against is decided by its algorithm alone, and never by what it brings. */
export function verifier({ secret, issuer, audience, tolerance, now }: Trust): Verify {
  const secretKey = createSecretKey(Buffer.from(secret));
  const keyFor = (header: Header) => {
    refuseDemands(header);
    return secretKey;
  };
  // An issuer or audience that is asked for is required with it.
  const options = {
    algorithms: ['HS256'],
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

function refuseDemands(header: Header): void {
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
  if (claim === 'iss' || claim === 'aud') return 'The token’s issuer or audience is not accepted.';
  return `The token’s claims are not as they must be: ${claim}.`;
}
