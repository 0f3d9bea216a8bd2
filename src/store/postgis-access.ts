import { sql } from 'kysely';
import type { AccessChange, AccessChanges, AccessStore, Kept, Revocation, Share } from '../auth/access-store.ts';
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

interface ChangesRow {
  /** The oldest transaction that is still open, or the next one: all before it are seen. */
  readonly xmin: string;
  /** By the database's clock, epoch milliseconds. */
  readonly at: number;
  readonly changes: AccessChange[] | null;
}

/** Minutes for which it is known what changed, and those after which a mark is too old, which is less. */
const CHANGES_KEPT = 60;
const MARK_KEPT = 50;
/** Changes that are told one by one; beyond it all is loaded anew. */
const MAX_CHANGES = 10_000;

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

  async saveShare(share: Share, limit: number): Promise<boolean> {
    this.#room?.admit();
    const { sight, tokenId = null, label = null } = share;
    const { bounds, driverId = null, precision = null } = sight;
    const createdAt = new Date(share.createdAt);
    // Written again, as after an answer that was lost, it is the same.
    const [{ admitted }] = await run(
      this.#pool,
      sql<{ admitted: boolean }>`
      WITH room AS MATERIALIZED (
        SELECT other_shares(${sight.fleet}, ${share.subject}, ${share.id}, ${createdAt}) < ${limit} AS admitted),
      saved AS (
        INSERT INTO shares (fleet, id, digest, subject, token_id, label, driver_id, latitude, longitude, radius,
          resolution, created_at, expires_at)
        SELECT ${sight.fleet}, ${share.id}, ${Buffer.from(share.digest, 'base64url')}, ${share.subject},
          ${tokenId}, ${label}, ${driverId}, ${bounds?.lat ?? null}::float8, ${bounds?.lng ?? null}::float8,
          ${bounds?.radius ?? null}::float8, ${precision}::int2, ${createdAt}, ${new Date(share.expiresAt)}
        FROM room WHERE admitted
        ON CONFLICT (fleet, id) DO NOTHING)
      SELECT admitted FROM room`,
    );
    return admitted;
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
    // Looked up first: what is committed meanwhile is named again.
    const { xmin, at } = await this.#changesSince(undefined);
    const shares = await run(this.#pool, sql<ShareRow>`SELECT * FROM shares`);
    const revocations = await run(this.#pool, sql<RevocationRow>`SELECT * FROM revocations`);
    return { shares: shares.map(toShare), revocations: revocations.map(toRevocation), mark: `${xmin} ${at}` };
  }

  async changesSince(mark: string): Promise<AccessChanges | undefined> {
    const [since, sinceAt] = mark.split(' ');
    const { xmin, at, changes } = await this.#changesSince(since);
    // Transactions that count from less than before are those of another database, such as one that was restored.
    if (BigInt(xmin) < BigInt(since) || at - Number(sinceAt) > MARK_KEPT * 60_000) return undefined;
    return (changes?.length ?? 0) > MAX_CHANGES ? undefined : { changes: changes ?? [], mark: `${xmin} ${at}` };
  }

  async find(named: readonly AccessChange[]): Promise<Kept> {
    const of = (kind: AccessChange['kind']) => {
      const those = named.filter((one) => one.kind === kind);
      const fleets = those.map(({ fleet }) => fleet);
      const keys = those.map(({ key }) => key);
      return those.length > 0 && sql`(SELECT DISTINCT * FROM unnest(${fleets}::text[], ${keys}::text[])) AS named`;
    };
    const [inShares, inRevocations] = [of('share'), of('token')];
    const [shares, revocations] = await Promise.all([
      inShares
        ? run(this.#pool, sql<ShareRow>`SELECT shares.* FROM shares JOIN ${inShares} (fleet, id) USING (fleet, id)`)
        : [],
      inRevocations
        ? run(
            this.#pool,
            sql<RevocationRow>`
            SELECT revocations.* FROM revocations JOIN ${inRevocations} (fleet, token_id) USING (fleet, token_id)`,
          )
        : [],
    ]);
    return { shares: shares.map(toShare), revocations: revocations.map(toRevocation) };
  }

  async findByDigest(digests: readonly string[]): Promise<readonly Share[]> {
    const bytes = digests.map((digest) => Buffer.from(digest, 'base64url'));
    const rows = await run(this.#pool, sql<ShareRow>`SELECT * FROM shares WHERE digest = ANY(${bytes}::bytea[])`);
    return rows.map(toShare);
  }

  async prune(shares: number, revocations: number): Promise<void> {
    const gone = await run(
      this.#pool,
      sql`
      WITH ended AS (DELETE FROM shares
          WHERE expires_at < ${new Date(shares)} OR EXISTS (SELECT FROM revocations
            WHERE revocations.fleet = shares.fleet AND revocations.token_id = shares.token_id) RETURNING 1),
        past AS (DELETE FROM revocations WHERE expires_at < ${new Date(revocations)} RETURNING 1),
        told AS (DELETE FROM access_changes
          WHERE changed_at < now() - make_interval(mins => ${CHANGES_KEPT}) RETURNING 1)
      SELECT 1 FROM ended UNION ALL SELECT 1 FROM past UNION ALL SELECT 1 FROM told LIMIT 1`,
    );
    if (gone.length > 0 && this.#room !== undefined) {
      await run(this.#pool, sql`VACUUM shares, revocations, access_changes`);
    }
  }

  /** @param since transaction; absent: only where it ends is asked */
  async #changesSince(since: string | undefined): Promise<ChangesRow> {
    const [row] = await run(
      this.#pool,
      sql<ChangesRow>`
      SELECT pg_snapshot_xmin(seen)::text AS xmin, floor(extract(epoch FROM now()) * 1000)::float8 AS at,
        (SELECT json_agg(change) FROM (
          SELECT DISTINCT kind, fleet, key FROM access_changes
          WHERE xid >= ${since ?? null}::xid8 AND xid < pg_snapshot_xmax(seen) LIMIT ${MAX_CHANGES + 1}) AS change)
          AS changes
      FROM pg_current_snapshot() AS seen`,
    );
    return row;
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
