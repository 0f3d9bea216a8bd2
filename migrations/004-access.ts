import { type Kysely, sql } from 'kysely';

/** What is given away of a fleet by link, and which tokens are no longer taken. */
// biome-ignore lint/suspicious/noExplicitAny: a migration is frozen in time and knows no later schema
export async function up(db: Kysely<any>): Promise<void> {
  await sql`
    CREATE TABLE shares (
      fleet      text COLLATE "C" NOT NULL,
      id         text COLLATE "C" NOT NULL,
      digest     bytea NOT NULL UNIQUE,
      subject    text NOT NULL,
      token_id   text COLLATE "C",
      label      text,
      driver_id  text,
      latitude   float8,
      longitude  float8,
      radius     float8,
      resolution int2,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (fleet, id),
      CHECK (num_nulls(latitude, longitude, radius) IN (0, 3)),
      CHECK (driver_id IS NOT NULL OR radius IS NOT NULL)
    )`.execute(db);
  await sql`COMMENT ON COLUMN shares.digest IS 'SHA-256 of the token, which itself is kept nowhere'`.execute(db);
  await sql`COMMENT ON COLUMN shares.token_id IS 'jti of the token that it was made with'`.execute(db);
  await sql`CREATE INDEX shares_fleet_token ON shares (fleet, token_id) WHERE token_id IS NOT NULL`.execute(db);
  await sql`
    CREATE TABLE revocations (
      fleet      text COLLATE "C" NOT NULL,
      token_id   text COLLATE "C" NOT NULL,
      revoked_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (fleet, token_id)
    )`.execute(db);
  // As of the other tables; but nothing of these is read as that role, and it is granted nothing.
  for (const table of [sql`shares`, sql`revocations`]) {
    await sql`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`.execute(db);
    await sql`
      CREATE POLICY one_fleet ON ${table}
      USING ((SELECT current_user) <> 'nearcast_fleet' OR fleet = (SELECT current_setting('nearcast.fleet', true)))`.execute(
      db,
    );
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable('revocations').execute();
  await db.schema.dropTable('shares').execute();
}
