import { z } from 'zod';
import { Circle } from '../geo/circle.ts';
import { MAX_DISTANCE } from '../geo/ellipsoid.ts';
import { isStorable } from '../protocol/fix.ts';
import type { Sight } from '../sight.ts';
import type { Share } from './access-store.ts';

/** Everything that a token may allow. */
export const SCOPES = [
  'positions:read',
  'positions:write',
  'positions:write:any',
  'metrics:read',
  'access:manage',
] as const;

/**
 * What somebody is connected for, by what its token may do at the most: `gateway`, send positions for others; `driver`,
 * send its own; `watcher`, read; `other`, none of these; `nobody`, there is no token yet.
 */
export type Role = 'gateway' | 'driver' | 'watcher' | 'other' | 'nobody';

/** The fleet of a token that names none. */
export const DEFAULT_FLEET = 'default';

/** Of the last day that a date can have; what is beyond could not be told as milliseconds. */
const LAST_SECOND = 8.64e12;

/** The claims that Nearcast reads; others are ignored. `scope` as in RFC 9068: separated by spaces. */
export const claimsSchema = z.object({
  // Whom a database cannot name, nobody could revoke.
  sub: z.string().min(1).max(128).refine(isStorable),
  exp: z.number().max(LAST_SECOND),
  scope: z.string().default(''),
  fleet: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/)
    .default(DEFAULT_FLEET),
  /** Names the token, so that it can be revoked (RFC 7519, 4.1.7). */
  jti: z.string().min(1).max(128).refine(isStorable).optional(),
  /** Nobody outside of this circle may be seen; degrees and metres. */
  area: z
    .object({
      latitude: z.number().min(-90).max(90),
      longitude: z.number().min(-180).max(180),
      radius: z.number().min(0).max(MAX_DISTANCE),
    })
    .optional(),
  /** H3 resolution of the cells that places are told by. */
  precision: z.int().min(0).max(15).optional(),
});

/** What each claim must be, in words for whoever was given a token that is not so. */
export const CLAIM_RULES: Readonly<Record<string, string>> = {
  sub: 'a text of 1 to 128 characters',
  exp: 'a number of seconds',
  scope: 'a text, of scopes separated by spaces',
  fleet: 'a text of 1 to 64 letters, digits and _.:-, a letter or digit first',
  jti: 'a text of 1 to 128 characters',
  area: 'an object with latitude, longitude and radius',
  'area.latitude': 'a number from -90 to 90',
  'area.longitude': 'a number from -180 to 180',
  'area.radius': `a number of metres from 0 to ${Math.floor(MAX_DISTANCE)}`,
  precision: 'a whole number from 0 to 15',
};

/** Who is on the other side, as a verified token says. */
export class Principal {
  readonly subject: string;
  /** The `jti` of the token, where it has one; of a share, that of the token that it was made with. */
  readonly tokenId: string | undefined;
  /** Of whoever comes by a share: which. */
  readonly shareId: string | undefined;
  /** What it may see, if it {@link canRead}. */
  readonly sight: Sight;
  /** When it is taken no more, epoch milliseconds: {@link statedExpiry}, and what clocks may differ by. */
  readonly expiresAt: number;
  /** When the token says that it ends, epoch milliseconds. */
  readonly statedExpiry: number;
  readonly canRead: boolean;
  readonly canReadMetrics: boolean;
  /** May send positions at all. */
  readonly canWrite: boolean;
  /** A gateway: may send positions as any driver of its fleet. */
  readonly canWriteAny: boolean;
  /** May end any share of its fleet, and revoke its tokens. */
  readonly canManageAccess: boolean;

  /** Whoever has the token of a share: somebody new, who sees what the share shows. */
  static ofShare(share: Share): Principal {
    const { id, tokenId, sight, expiresAt } = share;
    const claims = { sub: `share:${id}`, jti: tokenId, fleet: sight.fleet, scope: 'positions:read' };
    return new Principal({ ...claims, exp: expiresAt / 1000 }, 0, share);
  }

  /**
   * @param tolerance seconds for which it holds beyond its `exp`
   * @param share that it comes by, if it does
   */
  constructor(claims: z.output<typeof claimsSchema>, tolerance = 0, share?: Pick<Share, 'id' | 'sight'>) {
    this.subject = claims.sub;
    this.tokenId = claims.jti;
    this.shareId = share?.id;
    const { fleet, area, precision } = claims;
    const bounds = area && new Circle(area.latitude, area.longitude, area.radius);
    this.sight = share?.sight ?? { fleet, bounds, precision };
    this.statedExpiry = Math.round(claims.exp * 1000);
    this.expiresAt = this.statedExpiry + tolerance * 1000;
    const scopes = claims.scope.split(' ');
    this.canRead = scopes.includes('positions:read');
    this.canReadMetrics = scopes.includes('metrics:read');
    this.canWriteAny = scopes.includes('positions:write:any');
    this.canWrite = this.canWriteAny || scopes.includes('positions:write');
    this.canManageAccess = scopes.includes('access:manage');
  }

  /** May read what is kept of the past: a share shows what is. */
  get canReadHistory(): boolean {
    return this.canRead && this.shareId === undefined;
  }

  /** May give away what it sees: no share begets another. */
  get canShare(): boolean {
    return this.canRead && this.shareId === undefined;
  }

  get fleet(): string {
    return this.sight.fleet;
  }

  get role(): Role {
    if (this.canWrite) return this.canWriteAny ? 'gateway' : 'driver';
    return this.canRead ? 'watcher' : 'other';
  }

  canWriteAs(driverId: string): boolean {
    return this.canWriteAny || (this.canWrite && driverId === this.subject);
  }
}
