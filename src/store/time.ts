import { type RawBuilder, sql } from 'kysely';

/**
 * A time from epoch milliseconds. `to_timestamp` would go through seconds, which a float8 cannot hold exactly;
 * milliseconds times an interval stay whole microseconds.
 */
export function time(milliseconds: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`(timestamptz 'epoch' + ${milliseconds} * interval '1 millisecond')`;
}
