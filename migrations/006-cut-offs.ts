import { type Kysely, sql } from 'kysely';

/** Of several instances those that the bus does not reach, and until when that is to be believed without another word. */
// biome-ignore lint/suspicious/noExplicitAny: a migration is frozen in time and knows no later schema
export async function up(db: Kysely<any>): Promise<void> {
  await sql`CREATE TABLE cut_offs (instance text COLLATE "C" PRIMARY KEY, until timestamptz NOT NULL)`.execute(db);
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable('cut_offs').execute();
}
