import { sql } from 'kysely';
import type { CellRange } from './cell-ranges.ts';
import type { Read } from './fleet-reader.ts';

/**
 * How many of a fleet's positions are in each of some sets of ranges, counted up to `most`: out of the index alone, as far
 * as the table's pages are known to hold nothing dead.
 */
export async function countInRanges(
  read: Read,
  fleet: string,
  sets: readonly (readonly CellRange[])[],
  most: number,
): Promise<number[]> {
  const lows = sets.flatMap((ranges) => ranges.map(({ low }) => `${low}`));
  const highs = sets.flatMap((ranges) => ranges.map(({ high }) => `${high}`));
  const of = sets.flatMap((ranges, set) => ranges.map(() => set));
  const rows = await read(sql<{ count: number }>`
    SELECT (
      SELECT count(*)::int FROM (
        SELECT 1 FROM unnest(${lows}::bigint[], ${highs}::bigint[], ${of}::int[]) AS range(low, high, of)
        CROSS JOIN LATERAL (
          SELECT 1 FROM positions WHERE fleet = ${fleet} AND cell BETWEEN low AND high ORDER BY cell LIMIT ${most}::int
        ) AS found
        WHERE of = set
        LIMIT ${most}::int
      ) AS those
    ) AS count
    FROM generate_series(0, ${sets.length - 1}::int) AS set
    ORDER BY set`);
  return rows.map(({ count }) => count);
}
