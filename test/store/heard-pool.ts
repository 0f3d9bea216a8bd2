import type { StorePool } from '../../src/store/pool.ts';

/** A pool that tells of each statement with parameters, as it goes to the server, before it does. */
export function heardPool(pool: StorePool, hear: (text: string, values: unknown[]) => Promise<void> | void): StorePool {
  return Object.assign(Object.create(pool), {
    connect: async () => {
      const client = await pool.connect();
      const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<unknown>;
      return Object.assign(Object.create(client), {
        release: (error?: boolean) => client.release(error),
        query: async (text: string, values?: unknown[]) => {
          if (values !== undefined) await hear(text, values);
          return query(text, values);
        },
      });
    },
  });
}
