import { type RawBuilder, sql } from 'kysely';
import { DomainError } from '../errors.ts';
import { FleetReader } from './fleet-reader.ts';
import type { StorePool } from './pool.ts';
import { StoreUnavailable } from './store.ts';

/** Reads the past of one fleet, for whoever asks over the wire. */
export class FixReader {
  readonly #reader: FleetReader;

  /** @param pool, asFleet as for {@link FleetReader} */
  constructor(pool: StorePool, asFleet: boolean) {
    this.#reader = new FleetReader(pool, asFleet);
  }

  /**
   * The rows of a statement about a fleet.
   *
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  async read<Row>(fleet: string, statement: RawBuilder<Row>): Promise<readonly Row[]> {
    try {
      return await this.#reader.read(fleet, statement);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      throw new DomainError('unavailable', 'The history cannot be read now; try again later.');
    }
  }
}

/**
 * A time as the database reads it, from epoch milliseconds. Its cast from text is the parameter itself, which is known when
 * the statement is planned, so that partitions of other days are not even opened; an expression would be known only after
 * that.
 */
export function moment(milliseconds: number): RawBuilder<Date> {
  return sql<Date>`${new Date(milliseconds).toISOString()}::timestamptz`;
}
