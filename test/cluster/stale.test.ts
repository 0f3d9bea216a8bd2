import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { findPostgres } from '../support/postgres.ts';
import { findRedis, startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { exitsOf, newFleet, until, watching } from './stage.ts';

const HERE = { latitude: 30.27, longitude: -97.74 };
const TTL = 3;
/** Milliseconds that may pass until it is noticed, on a busy machine. */
const NOTICED = 3_000;

/** Milliseconds between what those send who go on. */
const PACE = 50;

const postgres = findPostgres();
const redis = findRedis();
const found = postgres === undefined || redis === undefined ? undefined : { postgres, redis };

describeWith(
  'PostgreSQL with PostGIS, or redis-server,',
  found,
  'stale drivers of a cluster',
  ({ postgres, redis }) => {
    slowTest('[3.4] go stale at all instances alike, by when they were last received at any', async () => {
      const bus = await startRedis(redis);
      const cluster = await Cluster.start({ postgres, bus, env: { DRIVER_TTL_SECONDS: String(TTL) } });
      onTestFinished(() => cluster.stop());
      const [a, b, c] = cluster.instances;
      const fleet = newFleet();
      const areas = [{ ...HERE, radius: 1000 }, {}, { around: 'silent', radius: 500 }];
      const now = Date.now();
      await a.send(
        fleet,
        ...['silent', 'late', 'twice', 'wanders'].map((driverId) => ({ driverId, ...HERE, timestamp: now })),
      );
      const since = performance.now();
      const clients = await Promise.all(
        [a, b, c].flatMap((instance) => areas.map(async (area) => (await watching(instance, fleet, area)).client)),
      );
      let n = 0;
      // Who sends only what is late or known already is heard of all the same, also where it does not send.
      const goOn = async () => {
        n++;
        await a.post(fleet, '/v1/positions', { driverId: 'late', ...HERE, timestamp: now - n });
        await b.post(fleet, '/v1/positions', { driverId: 'twice', ...HERE, timestamp: now });
        await cluster.instances[n % 3].send(fleet, { driverId: 'wanders', ...HERE, timestamp: now + n });
        await delay(PACE);
      };
      const gone = async (instance: typeof a) => (await instance.get(fleet, '/v1/drivers/silent')).status === 404;
      await until(
        async () => {
          await goOn();
          for (const client of clients) expect(exitsOf(client)).toContain('silent stale');
          for (const instance of cluster.instances) expect(await gone(instance)).toBe(true);
        },
        1000 * TTL + NOTICED,
      );
      expect(performance.now() - since).toBeGreaterThan(1000 * TTL - 500);
      const end = performance.now() + 1000 * TTL + NOTICED;
      // Twice the time in all: who goes on sending is never gone.
      while (performance.now() < end) await goOn();
      for (const [i, client] of clients.entries()) {
        if (i % 3 === 2) {
          expect(client.inside()).toEqual([]);
          expect(client.belief().followed).toBe('stale');
        } else {
          expect(client.inside()).toEqual(['late', 'twice', 'wanders']);
          expect(exitsOf(client)).toEqual(['silent stale']);
        }
        expect(client.contradictions).toEqual([]);
      }
      for (const instance of cluster.instances) {
        const { body } = await instance.get(fleet, '/v1/drivers');
        expect(body.drivers.map(({ driverId }: { driverId: string }) => driverId)).toEqual([
          'late',
          'twice',
          'wanders',
        ]);
      }
      await c.send(fleet, { driverId: 'silent', ...HERE, timestamp: Date.now() });
      await until(() => {
        for (const client of clients) expect(client.inside()).toEqual(['late', 'silent', 'twice', 'wanders']);
      });
    });
  },
);
