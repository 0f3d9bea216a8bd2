import { type Kysely, sql } from 'kysely';

/** Every fix that was taken in, by the day (UTC) on which it was taken; the partitions are made and dropped as time goes. */
// biome-ignore lint/suspicious/noExplicitAny: a migration is frozen in time and knows no later schema
export async function up(db: Kysely<any>): Promise<void> {
  // The key makes writing a fix again harmless, puts late ones in their place, and is the order of a track.
  await sql`
    CREATE TABLE fixes (
      fleet       text COLLATE "C" NOT NULL,
      driver_id   text COLLATE "C" NOT NULL,
      recorded_at timestamptz NOT NULL,
      received_at timestamptz NOT NULL,
      location    geography(Point, 4326) NOT NULL,
      cell        bigint NOT NULL,
      accuracy    float8,
      altitude    float8,
      heading     float8,
      speed       float8,
      attributes  jsonb NOT NULL DEFAULT '{}',
      PRIMARY KEY (fleet, driver_id, recorded_at)
    ) PARTITION BY RANGE (recorded_at)`.execute(db);
  await sql`COMMENT ON COLUMN fixes.cell IS 'H3 index at resolution 6, about 36 km²'`.execute(db);
  // Who was in an area, in a part of a day.
  await sql`CREATE INDEX fixes_fleet_cell ON fixes (fleet, cell, recorded_at)`.execute(db);
  // The whole of a fleet, in a part of a day. (A summary of pages, BRIN, is of no use here: it needs a vacuum, and one late
  // fix among the others of its pages has them read for every part of the day.)
  await sql`CREATE INDEX fixes_fleet_time ON fixes (fleet, recorded_at)`.execute(db);
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable('fixes').execute();
}
