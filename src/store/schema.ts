import type { ColumnType } from 'kysely';

/** The tables, for Kysely. Times and places are written and read through SQL expressions, never as they stand. */
export interface Schema {
  positions: PositionsTable;
}

interface PositionsTable {
  fleet: string;
  driver_id: string;
  /** geography(Point, 4326) */
  location: ColumnType<never, never, never>;
  /** int8, which pg hands over as text. */
  cell: string;
  recorded_at: ColumnType<Date, never, never>;
  received_at: ColumnType<Date, never, never>;
  accuracy: number | null;
  altitude: number | null;
  heading: number | null;
  speed: number | null;
  attributes: Record<string, string | number | boolean>;
}
