import { cellToParent, latLngToCell } from 'h3-js';
import { DAYS, type KeptFix, MIDNIGHT } from './tracks-contract.ts';
import type { Truth } from './truth.ts';

const DAY = 86_400_000;

/** Makes the partitions of the contract's days, by hand. */
export async function makePartitions(truth: Truth): Promise<void> {
  for (let day = -1; day < DAYS; day++) {
    const [from, to] = [day, day + 1].map((it) => new Date(MIDNIGHT + it * DAY).toISOString());
    const name = `fixes_${from.slice(0, 10).replaceAll('-', '')}`;
    await truth.sql(`CREATE TABLE IF NOT EXISTS ${name} PARTITION OF fixes FOR VALUES FROM ('${from}') TO ('${to}')`);
  }
}

/** Writes fixes by plain SQL, and nothing else is left. */
export async function keepBySql(truth: Truth, fixes: readonly KeptFix[]): Promise<void> {
  await truth.sql('TRUNCATE fixes');
  const rows = fixes.map((it) => ({
    ...it,
    recorded: new Date(it.timestamp).toISOString(),
    received: new Date(it.receivedAt).toISOString(),
    attributes: it.attributes ?? {},
    cell: BigInt(`0x${cellToParent(latLngToCell(it.lat, it.lng, 15), 6)}`).toString(),
  }));
  await truth.sql(
    `INSERT INTO fixes (fleet, driver_id, recorded_at, received_at, location, cell, accuracy, altitude, heading, speed, attributes)
     SELECT r->>'fleet', r->>'driverId', (r->>'recorded')::timestamptz, (r->>'received')::timestamptz,
       ST_SetSRID(ST_MakePoint((r->>'lng')::float8, (r->>'lat')::float8), 4326)::geography, (r->>'cell')::bigint, (r->>'accuracy')::float8,
       (r->>'altitude')::float8, (r->>'heading')::float8, (r->>'speed')::float8, r->'attributes'
     FROM jsonb_array_elements($1::jsonb) AS r`,
    [JSON.stringify(rows)],
  );
}
