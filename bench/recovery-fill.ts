import pg from 'pg';
import { migrate } from '../src/store/migrate.ts';
import type { Connection } from '../src/store/pool.ts';

/** Rows of one statement: the embedded database answers nothing else meanwhile. */
const ROWS = 50_000;

/**
 * Puts drivers around five cities into an empty database, received within the last minute and some hours ahead, so that
 * none is stale whenever the server starts. The names are hashes: rows lie in the table in no order of their key, as
 * after a day of updates.
 */
export async function fill(connection: Connection, drivers: number, seed: number): Promise<void> {
  await migrate(connection);
  const client = new pg.Client(connection);
  await client.connect();
  try {
    await client.query('SELECT setseed($1)', [1 / (1 + seed)]);
    for (let from = 0; from < drivers; from += ROWS) {
      await client.query(INSERT, [from, Math.min(from + ROWS, drivers) - 1]);
    }
    await client.query('VACUUM ANALYZE positions');
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

// Box and Muller again: 22 km of deviation in each city, as in the other benches. The cell is not read back.
const INSERT = `
  INSERT INTO positions (fleet, driver_id, location, cell, recorded_at, received_at, accuracy, heading, speed, attributes)
  SELECT 'default', 'driver-' || left(md5(i::text), 12),
    ST_MakePoint(lng + 0.2 / cos(radians(lat)) * far * cos(2 * pi() * turn), lat + 0.2 * far * sin(2 * pi() * turn))::geography,
    644577385406563843, received_at - interval '40 ms', received_at,
    round((3 + 10 * random())::numeric, 1), 360 * random(), 15 * random(),
    jsonb_build_object('status', (ARRAY['available', 'busy', 'pause'])[1 + i % 3], 'seats', 1 + i % 7, 'vehicle', 'sedan')
  FROM (
    SELECT i, sqrt(-2 * ln(1 - random())) AS far, random() AS turn,
      date_trunc('milliseconds', now() + interval '6 hours' - random() * interval '60 s') AS received_at
    FROM generate_series($1::int, $2::int) AS i
  ) AS driver
  JOIN (VALUES (0, 45.46, 9.19), (1, 40.71, -74.01), (2, 1.35, 103.82), (3, -23.55, -46.63), (4, 35.68, 139.69))
    AS city (number, lat, lng) ON number = i % 5`;
