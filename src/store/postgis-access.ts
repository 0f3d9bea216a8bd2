import { sql } from 'kysely';
import type { AccessStore, Revocation, Share } from '../auth/access-store.ts';
import { Circle } from '../geo/circle.ts';
import type { Sight } from '../sight.ts';
import type { DiskRoom } from './disk-room.ts';
import type { StorePool } from './pool.ts';
import { run } from './statement.ts';

interface ShareRow {
  readonly fleet: string;
  readonly id: string;
  readonly digest: Buffer;
  readonly subject: string;
  readonly token_id: string | null;
  readonly label: string | null;
  readonly driver_id: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly radius: number | null;
  readonly resolution: number | null;
  readonly created_at: Date;
  readonly expires_at: Date;
}

interface RevocationRow {
  readonly fleet: string;
  readonly token_id: string;
  readonly revoked_at: Date;
  readonly expires_at: Date;
}

/** Shares and revocations in PostgreSQL. */
export class PostgisAccess implements AccessStore {
  readonly #pool: StorePool;
  readonly #room: Pick<DiskRoom, 'admit'> | undefined;

  /**
   * @param pool reaches a migrated database; whoever made it ends it
   * @param room of the disk of a database that has no autovacuum of its own
   */
  constructor(pool: StorePool, room?: Pick<DiskRoom, 'admit'>) {
    this.#pool = pool;
    this.#room = room;
  }

  async saveShare(share: Share): Promise<void> {
    this.#room?.admit();
    const { sight, tokenId = null, label = null } = share;
    const { bounds, driverId = null, precision = null } = sight;
    // Written again, as after an answer that was lost, it is the same.
    await run(
      this.#pool,
      sql`
      INSERT INTO shares (fleet, id, digest, subject, token_id, label, driver_id, latitude, longitude, radius, resolution,
        created_at, expires_at)
      VALUES (${sight.fleet}, ${share.id}, ${Buffer.from(share.digest, 'base64url')}, ${share.subject}, ${tokenId},
        ${label}, ${driverId}, ${bounds?.lat ?? null}, ${bounds?.lng ?? null}, ${bounds?.radius ?? null}, ${precision},
        ${new Date(share.createdAt)}, ${new Date(share.expiresAt)})
      ON CONFLICT (fleet, id) DO NOTHING`,
    );
  }

  async deleteShare(fleet: string, id: string): Promise<void> {
    await run(this.#pool, sql`DELETE FROM shares WHERE fleet = ${fleet} AND id = ${id}`);
  }

  async revoke({ fleet, tokenId, revokedAt, expiresAt }: Revocation): Promise<void> {
    // One statement, so that neither is done without the other.
    await run(
      this.#pool,
      sql`
      WITH ended AS (DELETE FROM shares WHERE fleet = ${fleet} AND token_id = ${tokenId})
      INSERT INTO revocations (fleet, token_id, revoked_at, expires_at)
      VALUES (${fleet}, ${tokenId}, ${new Date(revokedAt)}, ${new Date(expiresAt)})
      ON CONFLICT (fleet, token_id)
        DO UPDATE SET expires_at = greatest(revocations.expires_at, excluded.expires_at)`,
    );
  }

  async load() {
    const shares = await run(this.#pool, sql<ShareRow>`SELECT * FROM shares`);
    const revocations = await run(this.#pool, sql<RevocationRow>`SELECT * FROM revocations`);
    return { shares: shares.map(toShare), revocations: revocations.map(toRevocation) };
  }

  async prune(shares: number, revocations: number): Promise<void> {
    const gone = await run(
      this.#pool,
      sql`
      WITH ended AS (DELETE FROM shares WHERE expires_at < ${new Date(shares)} RETURNING 1),
        past AS (DELETE FROM revocations WHERE expires_at < ${new Date(revocations)} RETURNING 1)
      SELECT 1 FROM ended UNION ALL SELECT 1 FROM past LIMIT 1`,
    );
    if (gone.length > 0 && this.#room !== undefined) await run(this.#pool, sql`VACUUM shares, revocations`);
  }
}

function toShare(row: ShareRow): Share {
  const { latitude, longitude, radius } = row;
  const sight: { -readonly [K in keyof Sight]: Sight[K] } = { fleet: row.fleet };
  if (latitude !== null && longitude !== null && radius !== null)
    sight.bounds = new Circle(latitude, longitude, radius);
  if (row.resolution !== null) sight.precision = row.resolution;
  if (row.driver_id !== null) sight.driverId = row.driver_id;
  return {
    id: row.id,
    digest: row.digest.toString('base64url'),
    subject: row.subject,
    ...(row.token_id !== null && { tokenId: row.token_id }),
    ...(row.label !== null && { label: row.label }),
    sight,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at.getTime(),
  };
}

function toRevocation(row: RevocationRow): Revocation {
  return {
    fleet: row.fleet,
    tokenId: row.token_id,
    revokedAt: row.revoked_at.getTime(),
    expiresAt: row.expires_at.getTime(),
  };
}
