import pg from 'pg';
import { FLEET_ROLE } from './fleet-role.ts';
import { DatabaseUnsuitable, MIGRATIONS, setUpByNewer, withoutPostgis } from './migrate.ts';
import { toStoreError } from './store-error.ts';

/** What was found in a database that can be used. */
export interface Inspection {
  /** Such as `15.4`. */
  readonly postgres: string;
  /** Of PostGIS; absent: it is not there, and the start adds it. */
  readonly postgis: string | undefined;
  /** Migrations that the start would run, in order. */
  readonly due: readonly string[];
  readonly done: number;
  /** Whether the user can make or take the role by which the database itself tells fleets apart; see `fleet-role.ts`. */
  readonly mayIsolate: boolean;
}

/** The oldest PostgreSQL that this works with, as `server_version_num` tells it. */
const OLDEST = 130_000;
/** Milliseconds to get a connection, and for each question. */
const TIME = 5_000;

/**
 * Looks at a database without changing anything: whether a start could use it.
 *
 * @throws {StoreUnavailable} it cannot be reached
 * @throws {DatabaseUnsuitable} what is wrong, and what to do; in the words of the start where that would say it too
 */
export async function inspectDatabase(connectionString: string): Promise<Inspection> {
  const client = new pg.Client({
    connectionString,
    application_name: 'nearcast --check',
    connectionTimeoutMillis: TIME,
    query_timeout: TIME,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { version, number, standby, readOnly, schema, mayCreate, user, mayIsolate } = await about(client);
    if (number < OLDEST) throw new DatabaseUnsuitable(`PostgreSQL is ${version}; 13 is the oldest that will do.`);
    if (standby || readOnly) {
      const what = standby ? 'a standby' : 'read-only (default_transaction_read_only)';
      throw new DatabaseUnsuitable(`The database is ${what}: nothing can be stored in it. Name the primary server.`);
    }
    const { applied, foreign } = await tables(client);
    const unknown = applied.filter((name) => !Object.hasOwn(MIGRATIONS, name));
    if (unknown.length > 0) throw setUpByNewer(`it has ${unknown.join(', ')}`);
    if (schema === null || !mayCreate) {
      const where = schema === null ? 'There is no schema' : `The user ${user} may not make tables in schema ${schema}`;
      throw new DatabaseUnsuitable(
        `${where}. Have its owner run this in that database: GRANT CREATE ON SCHEMA ${schema ?? 'public'} TO "${user}";`,
      );
    }
    if (foreign !== null) {
      throw new DatabaseUnsuitable(
        `The table ${foreign} is not of the user ${user}, who must own it. Have a superuser run this in that ` +
          `database: ALTER TABLE ${foreign} OWNER TO "${user}";`,
      );
    }
    return {
      postgres: version,
      postgis: await postgis(client),
      due: Object.keys(MIGRATIONS).filter((name) => !applied.includes(name)),
      done: applied.length,
      mayIsolate,
    };
  } catch (error) {
    throw error instanceof DatabaseUnsuitable ? error : toStoreError(error);
  } finally {
    await client.end().catch(() => {});
  }
}

interface About {
  readonly version: string;
  readonly number: number;
  readonly standby: boolean;
  readonly readOnly: boolean;
  readonly schema: string | null;
  readonly mayCreate: boolean | null;
  readonly user: string;
  readonly mayIsolate: boolean;
}

async function about(client: pg.Client): Promise<About> {
  const { rows } = await client.query<About>(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
       current_setting('server_version_num')::int AS number,
       pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only')::bool AS "readOnly",
       current_schema() AS schema,
       has_schema_privilege(current_schema(), 'CREATE') AS "mayCreate",
       current_user AS user,
       coalesce(
         (SELECT pg_has_role(oid, 'MEMBER') OR (me.rolcreaterole AND current_setting('server_version_num')::int < 160000)
          FROM pg_roles WHERE rolname = '${FLEET_ROLE}'),
         me.rolsuper OR me.rolcreaterole
       ) AS "mayIsolate"
     FROM pg_roles me WHERE me.rolname = current_user`,
  );
  return rows[0];
}

/** The migrations that the database has had, and the first of its tables that belongs to somebody else. */
async function tables(client: pg.Client): Promise<{ applied: string[]; foreign: string | null }> {
  const { rows: own } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE oid IN (to_regclass('positions'), to_regclass('fixes'), to_regclass('shares'), to_regclass('revocations'),
         to_regclass('kysely_migration'))
       AND NOT pg_has_role(relowner, 'USAGE')
     ORDER BY 1`,
  );
  const { rows: known } = await client.query<{ readable: boolean | null }>(
    `SELECT has_table_privilege(to_regclass('kysely_migration'), 'SELECT') AS readable`,
  );
  const { rows: applied } = known[0].readable
    ? await client.query<{ name: string }>('SELECT name FROM kysely_migration ORDER BY name')
    : { rows: [] };
  return { applied: applied.map(({ name }) => name), foreign: own[0]?.name ?? null };
}

/**
 * The version of PostGIS; undefined when it is yet to be added. Whether it can be is not in any table (a managed server
 * lets users add it who are no superusers), so it is added in a transaction that is rolled back.
 */
async function postgis(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query(`SELECT extversion FROM pg_extension WHERE extname = 'postgis'`);
  if (rows.length > 0) return rows[0].extversion;
  await client.query('BEGIN');
  try {
    await client.query('CREATE EXTENSION postgis');
  } catch (error) {
    throw withoutPostgis(error);
  } finally {
    await client.query('ROLLBACK').catch(() => {});
  }
  return undefined;
}
