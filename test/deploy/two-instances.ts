import { expect } from 'vitest';
import { scrape } from '../support/metrics.ts';
import { createDatabase, type TestPostgres } from '../support/postgres.ts';
import { ServerProcess } from '../support/process.ts';
import type { TestRedis } from '../support/redis.ts';
import { SECRET, token } from '../support/server.ts';
import { startNginx, type TestNginx } from './nginx.ts';

/** Two real processes that share a database and a bus, and nginx before them with the file that is shipped. */
export interface Stage {
  readonly nginx: TestNginx;
  readonly instances: Instance[];
  /** The database of both, as a URL. */
  readonly database: string;
  /** Starts one that ended again, where it was. */
  restart(i: number): Promise<void>;
  /** Sends a fix through nginx, on a connection of its own; resolves with the answer. */
  post(body: unknown): Promise<Response>;
}

/** One of the processes. */
export interface Instance {
  readonly process: ServerProcess;
  readonly url: string;
  readonly port: number;
  /** Its open connections of a transport, by its own account. */
  connections(transport: string): Promise<number>;
  /** Fixes that it accepted itself. */
  accepted(): Promise<number>;
}

let databases = 0;

/** Both share what is on a PostgreSQL and a Redis server, apart from what other stages have there. */
export async function startTwoInstances(nginxBin: string, postgres: TestPostgres, redis: TestRedis): Promise<Stage> {
  const name = `behind_nginx_${++databases}`;
  const database = await createDatabase(postgres, name);
  const start = async (port = 0): Promise<Instance> => {
    const process = new ServerProcess({
      DATABASE_URL: database,
      REDIS_URL: redis.url,
      REDIS_PREFIX: name,
      JWT_SECRET: SECRET,
      TRUST_PROXY: '1',
      LOG_LEVEL: 'info',
      // The machine's own load is not what is tested.
      MAX_LAG_MILLISECONDS: '0',
      PORT: String(port),
    });
    const url = await process.ready;
    const get = (path: string, headers?: Record<string, string>) => fetch(url + path, { headers });
    return {
      process,
      url,
      port: Number(new URL(url).port),
      connections: async (transport) => {
        const byRole = (await scrape({ get })).by('nearcast_connections', 'role', { transport });
        return Object.values(byRole).reduce((sum, count) => sum + count, 0);
      },
      accepted: async () => (await scrape({ get })).by('nearcast_fixes_total', 'verdict').accepted ?? 0,
    };
  };
  // The first makes the tables; two that make them at once wait for each other.
  const instances = await Promise.all([start(), start()]);
  const nginx = await startNginx(nginxBin, [instances[0].port, instances[1].port]);
  return {
    nginx,
    instances,
    database,
    restart: async (i) => {
      instances[i] = await start(instances[i].port);
    },
    post: (body) =>
      fetch(`${nginx.url}/v1/positions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token()}` },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

/** Resolves when an asynchronous condition holds; fails after ten seconds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 10_000, interval: 20 }).toBe(true);
}
