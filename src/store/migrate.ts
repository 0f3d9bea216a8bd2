import { Kysely, PostgresDialect, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import * as positions from '../../migrations/001-positions.ts';
import * as fixes from '../../migrations/002-fixes.ts';
import * as rowSecurity from '../../migrations/003-row-security.ts';
import * as access from '../../migrations/004-access.ts';
import * as accessChanges from '../../migrations/005-access-changes.ts';
import * as cutOffs from '../../migrations/006-cut-offs.ts';
import { type Connection, StorePool } from './pool.ts';
import { toStoreError } from './store-error.ts';

/** Every migration there is, in order of name. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '001-positions': positions,
  '002-fixes': fixes,
  '003-row-security': rowSecurity,
  '004-access': access,
  '005-access-changes': accessChanges,
  '006-cut-offs': cutOffs,
};

/** Milliseconds for a migration, or to wait for another instance that is at it. */
const MIGRATION_TIMEOUT = 30 * 60_000;

/** The database answers, but cannot be made ready for use. The message says what to do. */
export class DatabaseUnsuitable extends Error {
  override name = 'DatabaseUnsuitable';
}

/**
 * Makes sure of PostGIS and brings the tables up to date. Several instances may do it at once: one of them works, the
 * others wait.
 *
 * @throws {StoreUnavailable} the database cannot be reached
 * @throws {DatabaseUnsuitable}
 */
export async function migrate(connection: Connection): Promise<void> {
  const pool = new StorePool(connection, { max: 1, queryTimeout: MIGRATION_TIMEOUT });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    await ensurePostgis(db);
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
    const { error, results } = await migrator.migrateToLatest();
    if (error === undefined) return;
    const failed = results?.find(({ status }) => status === 'Error')?.migrationName;
    if (failed === undefined && !isSqlError(error)) {
      // Kysely's own complaint: the database holds migrations that this list does not.
      throw setUpByNewer(reason(error), error);
    }
    if (!isSqlError(error)) throw toStoreError(error);
    throw new DatabaseUnsuitable(`Setting up the database failed${failed ? ` in ${failed}` : ''}: ${reason(error)}`, {
      cause: error,
    });
  } finally {
    await pool.finish();
  }
}

/** The database holds migrations that this version does not know. */
export function setUpByNewer(why: string, cause?: unknown): DatabaseUnsuitable {
  return new DatabaseUnsuitable(
    `The database was set up by a newer Nearcast than this one (${why}). Update Nearcast.`,
    { cause },
  );
}

async function ensurePostgis(db: Kysely<unknown>): Promise<void> {
  if (await hasPostgis(db)) return;
  try {
    await sql`CREATE EXTENSION IF NOT EXISTS postgis`.execute(db);
  } catch (error) {
    // IF NOT EXISTS does not cover another instance that is creating it at the same moment.
    if (await hasPostgis(db)) return;
    throw withoutPostgis(error);
  }
}

/** What it means that PostGIS could not be added. */
export function withoutPostgis(error: unknown): DatabaseUnsuitable | Error {
  const code = isSqlError(error) ? error.code : '';
  // insufficient_privilege
  if (code === '42501') {
    return new DatabaseUnsuitable(
      'The database has no PostGIS, and its user may not add it. ' +
        'Have a superuser run this in that database: CREATE EXTENSION postgis;',
      { cause: error },
    );
  }
  // feature_not_supported, undefined_file: the extension is not installed on the server
  if (code === '0A000' || code === '58P01') {
    return new DatabaseUnsuitable(
      'The PostgreSQL server has no PostGIS. Install it there (Debian and Ubuntu: apt install postgresql-postgis; ' +
        'Docker: use the image postgis/postgis), or leave DATABASE_URL out to use the embedded one.',
      { cause: error },
    );
  }
  return isSqlError(error)
    ? new DatabaseUnsuitable(`PostGIS could not be added to the database: ${reason(error)}`, { cause: error })
    : toStoreError(error);
}

async function hasPostgis(db: Kysely<unknown>): Promise<boolean> {
  try {
    const { rows } = await sql`SELECT 1 FROM pg_extension WHERE extname = 'postgis'`.execute(db);
    return rows.length > 0;
  } catch (error) {
    throw toStoreError(error);
  }
}

/** Whether the server said it, and meant the statement: not a lost connection or a server that is going down. */
function isSqlError(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return false;
  return /^[0-9A-Z]{5}$/.test(error.code) && !/^(08|53|57)/.test(error.code) && 'severity' in error;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
