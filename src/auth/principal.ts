import { z } from 'zod';

/** Everything that a token may allow. */
export const SCOPES = ['positions:read', 'positions:write', 'positions:write:any', 'metrics:read'] as const;

/**
 * What somebody is connected for, by what its token may do at the most: `gateway`, send positions for others; `driver`,
 * send its own; `watcher`, read; `other`, none of these; `nobody`, there is no token yet.
 */
export type Role = 'gateway' | 'driver' | 'watcher' | 'other' | 'nobody';

/** The fleet of a token that names none. */
export const DEFAULT_FLEET = 'default';

/** The claims that Nearcast reads; others are ignored. `scope` as in RFC 9068: separated by spaces. */
export const claimsSchema = z.object({
  sub: z.string().min(1).max(128),
  exp: z.number(),
  scope: z.string().default(''),
  fleet: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/)
    .default(DEFAULT_FLEET),
});

/** Who is on the other side, as a verified token says. */
export class Principal {
  readonly subject: string;
  readonly fleet: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly canRead: boolean;
  readonly canReadMetrics: boolean;
  /** May send positions at all. */
  readonly canWrite: boolean;
  /** A gateway: may send positions as any driver of its fleet. */
  readonly canWriteAny: boolean;

  constructor(claims: z.output<typeof claimsSchema>) {
    this.subject = claims.sub;
    this.fleet = claims.fleet;
    this.expiresAt = claims.exp * 1000;
    const scopes = claims.scope.split(' ');
    this.canRead = scopes.includes('positions:read');
    this.canReadMetrics = scopes.includes('metrics:read');
    this.canWriteAny = scopes.includes('positions:write:any');
    this.canWrite = this.canWriteAny || scopes.includes('positions:write');
  }

  get role(): Role {
    if (this.canWrite) return this.canWriteAny ? 'gateway' : 'driver';
    return this.canRead ? 'watcher' : 'other';
  }

  canWriteAs(driverId: string): boolean {
    return this.canWriteAny || (this.canWrite && driverId === this.subject);
  }
}
