import { sql } from 'kysely';
import type { CellRange } from './cell-ranges.ts';
import type { Read } from './fleet-reader.ts';
import { rangeRows } from './range-scan.ts';

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
  if (sets.length === 0) return [];
  const counts = sets.map(
    (ranges) => sql`(
      SELECT count(*)::int FROM (
        SELECT 1 FROM ${rangeRows(ranges)} CROSS JOIN LATERAL (
          SELECT 1 FROM positions WHERE fleet = ${fleet} AND cell BETWEEN low AND high ORDER BY cell LIMIT ${most}::int
        ) AS found
        LIMIT ${most}::int
      ) AS those)`,
  );
  const [row] = await read(sql<{ counts: number[] }>`SELECT ARRAY[${sql.join(counts)}] AS counts`);
  return row.counts;
}
