import { type Kysely, sql } from 'kysely';

/**
 * The role `nearcast_fleet` sees the rows of one fleet alone: of the one that the setting `nearcast.fleet` names, and none
 * where it names none. Whoever else has a right to the tables sees them as before.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration is frozen in time and knows no later schema
export async function up(db: Kysely<any>): Promise<void> {
  for (const table of [sql`positions`, sql`fixes`]) {
    await sql`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`.execute(db);
    // The role is told by its name, not by TO: it belongs to the server, not to the database, and need not be there yet, nor
    // where a copy of the database is restored. In subqueries both are looked up once for a statement and not for each row.
    await sql`
      CREATE POLICY one_fleet ON ${table}
      USING ((SELECT current_user) <> 'nearcast_fleet' OR fleet = (SELECT current_setting('nearcast.fleet', true)))`.execute(
      db,
    );
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export async function down(db: Kysely<any>): Promise<void> {
  for (const table of [sql`positions`, sql`fixes`]) {
    await sql`DROP POLICY one_fleet ON ${table}`.execute(db);
    await sql`ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`.execute(db);
  }
}
