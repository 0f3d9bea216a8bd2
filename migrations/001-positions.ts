import { type Kysely, sql } from 'kysely';

/** The latest position of each driver. */
// biome-ignore lint/suspicious/noExplicitAny: a migration is frozen in time and knows no later schema
export async function up(db: Kysely<any>): Promise<void> {
  // Byte order ("C") is the cheapest to compare, and the same on every machine and version of ICU.
  // A driver that moves changes the GiST and cell indexes, so its update can never be heap-only; one that stands
  // still can, if its page has room: hence the fillfactor. For the same reason `received_at` has no index: it
  // changes with every update, and is read only by the one pass over the table at start.
  await sql`
    CREATE TABLE positions (
      fleet       text COLLATE "C" NOT NULL,
      driver_id   text COLLATE "C" NOT NULL,
      location    geography(Point, 4326) NOT NULL,
      cell        bigint NOT NULL,
      recorded_at timestamptz NOT NULL,
      received_at timestamptz NOT NULL,
      accuracy    float8,
      altitude    float8,
      heading     float8,
      speed       float8,
      attributes  jsonb NOT NULL DEFAULT '{}',
      PRIMARY KEY (fleet, driver_id)
    ) WITH (fillfactor = 80)`.execute(db);
  await sql`COMMENT ON COLUMN positions.cell IS
    'H3 index at resolution 15; the positions in any coarser cell are one contiguous range of it'`.execute(db);
  await sql`CREATE INDEX positions_location ON positions USING gist (location)`.execute(db);
  await sql`CREATE INDEX positions_fleet_cell ON positions (fleet, cell)`.execute(db);
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable('positions').execute();
}
