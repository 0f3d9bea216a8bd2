import pg from 'pg';
import { type Connection, StorePool } from './pool.ts';
import { toStoreError } from './store-error.ts';

/** Who reads one fleet in the database, and sees no row of any other; see migration 003. */
export const FLEET_ROLE = 'nearcast_fleet';

/** Any number, the same for all instances. */
const LOCK = 7_362_003;

/**
 * Begins a transaction that sees the rows of a fleet alone. All of it ends with the transaction: the embedded database has one
 * session for all connections.
 */
export function beginAsFleet(fleet: string): string {
  return `BEGIN READ ONLY; SET LOCAL ROLE ${FLEET_ROLE}; SET LOCAL nearcast.fleet = ${pg.escapeLiteral(fleet)}`;
}

/**
 * Sees to it that there is the role, that it may read, and that this user may take it. A role belongs to the server, so it
 * is no migration's matter: a copy of the database may be restored where there is none.
 *
 * @returns what stands in the way, and what a superuser has to run; `undefined` when nothing does
 * @throws {StoreUnavailable} the server cannot be reached
 */
export async function ensureFleetRole(connection: Connection): Promise<string | undefined> {
  const pool = new StorePool(connection, { max: 1 });
  try {
    if ((await failure(pool)) === undefined) return undefined;
    try {
      await pool.query(MAKE);
    } catch {
      // What matters is what can be done now.
    }
    const reason = await failure(pool);
    return reason && remedy(reason, await whereabouts(pool));
  } finally {
    await pool.finish();
  }
}

function remedy(reason: string, { user, schema }: Whereabouts): string {
  return (
    `Row-level security is not in use: ${reason}. Fleets are told apart by each statement alone, until a superuser runs ` +
    `this in the database, the first only if there is no such role, and Nearcast is started again: ` +
    `CREATE ROLE ${FLEET_ROLE}; ALTER ROLE ${FLEET_ROLE} NOSUPERUSER NOBYPASSRLS; GRANT ${FLEET_ROLE} TO ${user}; ` +
    `GRANT USAGE ON SCHEMA ${schema} TO ${FLEET_ROLE}; GRANT SELECT ON positions, fixes TO ${FLEET_ROLE};`
  );
}

/** Each step alone: what cannot be done may have been done already by somebody who could. Instances go one by one. */
const MAKE = `
  DO $$
  BEGIN
    PERFORM pg_advisory_xact_lock(${LOCK});
    BEGIN
      CREATE ROLE ${FLEET_ROLE} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
    END;
    BEGIN
      IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT ${FLEET_ROLE} TO CURRENT_USER;
      END IF;
    EXCEPTION WHEN insufficient_privilege OR undefined_object THEN NULL;
    END;
    BEGIN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${FLEET_ROLE}', current_schema());
    EXCEPTION WHEN insufficient_privilege OR undefined_object THEN NULL;
    END;
    BEGIN
      GRANT SELECT ON positions, fixes TO ${FLEET_ROLE};
    EXCEPTION WHEN insufficient_privilege OR undefined_object THEN NULL;
    END;
  END $$`;

/**
 * Begins to read as a read does, but touches no table: one that is locked must not hold up a start here.
 *
 * @returns why that is not possible, or not safe
 */
async function failure(pool: StorePool): Promise<string | undefined> {
  try {
    const client = await pool.connect();
    try {
      await client.query(beginAsFleet(''));
      const { rows } = await client.query<{ name: string; mayRead: boolean; isActive: boolean }>(`
        SELECT name, has_table_privilege(name, 'SELECT') AS "mayRead", row_security_active(name) AS "isActive",
          ST_Y(ST_MakePoint(0, 0)) AS y
        FROM unnest(ARRAY['positions', 'fixes']) AS name`);
      await client.query('ROLLBACK');
      client.release();
      const closed = rows.find(({ mayRead }) => !mayRead);
      if (closed !== undefined) return `the role ${FLEET_ROLE} may not read ${closed.name}`;
      return rows.every(({ isActive }) => isActive) ? undefined : `the role ${FLEET_ROLE} may pass by it`;
    } catch (error) {
      client.release(true);
      throw error;
    }
  } catch (error) {
    if (isRefusal(error)) return error.message;
    throw toStoreError(error);
  }
}

/** Whether the server refused it: SQLSTATE class 42 (access rule violation), or 22023 for a role that there is not. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(42...|22023)$/.test(String(error.code));
}

/** The user and the schema of the tables, as they are written in a statement. */
interface Whereabouts {
  readonly user: string;
  readonly schema: string;
}

async function whereabouts(pool: StorePool): Promise<Whereabouts> {
  const { rows } = await pool.query<Whereabouts>(
    'SELECT quote_ident(current_user) AS user, quote_ident(current_schema()) AS schema',
  );
  return rows[0];
}
