import pg from 'pg';

/** A row of `positions` or of `fixes`. */
export interface Row {
  readonly fleet: string;
  readonly driverId: string;
  readonly timestamp: number;
  readonly receivedAt: number;
  readonly lat: number;
  readonly lng: number;
  /** H3 index, as a decimal number. */
  readonly cell: string;
  readonly accuracy: number | null;
  readonly altitude: number | null;
  readonly heading: number | null;
  readonly speed: number | null;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** All that a database holds. */
export interface Tables {
  readonly positions: readonly Row[];
  readonly fixes: readonly Row[];
}

/** Reads both tables as of one moment, past all code of the server. */
export async function readTables(connection: pg.ClientConfig): Promise<Tables> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const positions = await rowsOf(client, 'positions');
    const fixes = await rowsOf(client, 'fixes');
    await client.query('COMMIT');
    return { positions, fixes };
  } finally {
    await client.end();
  }
}

async function rowsOf(client: pg.Client, table: 'positions' | 'fixes'): Promise<Row[]> {
  const { rows } = await client.query<Row>(`
    SELECT fleet, driver_id AS "driverId", ST_Y(location::geometry) AS lat, ST_X(location::geometry) AS lng,
      cell::text, (extract(epoch FROM recorded_at) * 1000)::float8 AS timestamp,
      (extract(epoch FROM received_at) * 1000)::float8 AS "receivedAt",
      accuracy, altitude, heading, speed, attributes
    FROM ${table}`);
  return rows;
}
