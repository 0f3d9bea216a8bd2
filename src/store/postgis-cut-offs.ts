import { sql } from 'kysely';
import type { CutOffs } from './cut-offs.ts';
import type { StorePool } from './pool.ts';
import { run } from './statement.ts';

/** What instances say in PostgreSQL, by its clock. */
export class PostgisCutOffs implements CutOffs {
  readonly #pool: StorePool;

  /** @param pool reaches a migrated database; whoever made it ends it */
  constructor(pool: StorePool) {
    this.#pool = pool;
  }

  async say(instance: string, milliseconds: number): Promise<void> {
    // Those who said so and are gone are cleared away by the next who does.
    await run(
      this.#pool,
      sql`
        WITH over AS (DELETE FROM cut_offs WHERE until < clock_timestamp() AND instance <> ${instance})
        INSERT INTO cut_offs (instance, until)
        VALUES (${instance}, clock_timestamp() + ${milliseconds}::float8 * interval '1 millisecond')
        ON CONFLICT (instance) DO UPDATE SET until = excluded.until`,
    );
  }

  async unsay(instance: string): Promise<void> {
    await run(this.#pool, sql`DELETE FROM cut_offs WHERE instance = ${instance}`);
  }

  async others(instance: string): Promise<boolean> {
    const [row] = await run<{ readonly found: boolean }>(
      this.#pool,
      sql`SELECT EXISTS (SELECT FROM cut_offs WHERE instance <> ${instance} AND until > clock_timestamp()) AS found`,
    );
    return row.found;
  }
}
