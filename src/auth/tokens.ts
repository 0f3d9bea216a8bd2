import { createHmac } from 'node:crypto';
import { DomainError } from '../errors.ts';
import { revoked } from './open-doors.ts';
import { CLAIM_RULES, claimsSchema, Principal } from './principal.ts';
import { SHARE_PREFIX } from './shares.ts';
import type { Verify } from './verify.ts';

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
  readonly iss?: string;
  readonly aud?: string;
  readonly ttlSeconds: number;
}

/** Signs a token (HS256), at once, which no signer that promises does. */
export function mintToken(secret: string, { ttlSeconds, ...claims }: TokenClaims): string {
  const now = Date.now() / 1000;
  const signed = [
    { alg: 'HS256', typ: 'JWT' },
    { ...claims, iat: Math.floor(now), exp: Math.floor(now + ttlSeconds) },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/**
 * Turns a token into its principal: at once where it is known already, else as soon as it is verified.
 *
 * @throws {DomainError} `unauthorized`, with the reason, or `unavailable`: it cannot be judged now. A promise is rejected
 * with these.
 */
export type Authenticate = (token: string) => Principal | Promise<Principal>;

/** What tokens are judged by. */
export interface AuthenticatorDeps {
  readonly verify: Verify;
  /** The server's clock, epoch milliseconds. */
  readonly now: () => number;
  /** So many seconds after its `exp` a token still holds. */
  readonly tolerance?: number;
  /** Counts how often keys were taken back: tokens that were verified before are verified once more. */
  readonly withdrawals?: () => number;
  /** Who comes with the token of a share. @throws {DomainError} `unauthorized`, `unavailable` */
  readonly shareOf?: Authenticate;
  /** Whether a token that was good, or a share, has been taken back; asked at every use. */
  readonly isRevoked?: (principal: Principal) => boolean;
}

/** How many tokens are remembered. */
const REMEMBERED = 10_000;
/** Characters; a longer one is not looked at. */
const MAX_LENGTH = 8192;

/**
 * Tokens that were verified are remembered until they end, so that a client that asks again and again is not verified
 * again: that takes longer than to answer. One that comes again while it is verified waits for the same.
 */
export function authenticator(deps: AuthenticatorDeps): Authenticate {
  const { verify, now, tolerance = 0, withdrawals, shareOf, isRevoked } = deps;
  const remembered = new Map<string, Principal>();
  const verifying = new Map<string, Promise<Principal>>();
  let withdrawn = 0;

  const unlessRevoked = (principal: Principal): Principal => {
    if (isRevoked?.(principal)) throw revoked();
    return principal;
  };
  const judge = async (token: string): Promise<Principal> => {
    try {
      let asOf: number | undefined;
      let payload: unknown;
      do {
        asOf = withdrawals?.();
        payload = await verify(token);
        // What proved it may have been taken back meanwhile.
      } while (asOf !== withdrawals?.());
      const principal = principalOf(payload, tolerance);
      // Those that came first give way, used or not: they are verified once more.
      if (remembered.size === REMEMBERED) remembered.delete(remembered.keys().next().value as string);
      remembered.set(token, principal);
      return unlessRevoked(principal);
    } finally {
      verifying.delete(token);
    }
  };

  return (token) => {
    if (withdrawals !== undefined && withdrawn !== withdrawals()) {
      withdrawn = withdrawals();
      remembered.clear();
    }
    const known = remembered.get(token);
    if (known !== undefined) {
      if (now() < known.expiresAt) return unlessRevoked(known);
      remembered.delete(token);
    }
    if (shareOf !== undefined && token.startsWith(SHARE_PREFIX)) {
      const shown = shareOf(token);
      return shown instanceof Promise ? shown.then(unlessRevoked) : unlessRevoked(shown);
    }
    if (token.length > MAX_LENGTH) {
      throw new DomainError('unauthorized', `The token has more than ${MAX_LENGTH} characters.`);
    }
    let judged = verifying.get(token);
    if (judged === undefined) {
      judged = judge(token);
      verifying.set(token, judged);
    }
    return judged;
  };
}

function principalOf(payload: unknown, tolerance: number): Principal {
  const claims = claimsSchema.safeParse(payload);
  if (claims.success) return new Principal(claims.data, tolerance);
  const wrong = claims.error.issues.map(({ path }) => `${path.join('.')} must be ${ruleOf(path)}`).join('; ');
  throw new DomainError('unauthorized', `The token’s claims are not as they must be: ${wrong}.`);
}

function ruleOf(path: readonly PropertyKey[]): string {
  return CLAIM_RULES[path.join('.')] ?? 'as documented';
}
