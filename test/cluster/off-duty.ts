import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { exitsOf, newFleet, type OnStage, until, watching } from './stage.ts';

const HERE = { latitude: 30.27, longitude: -97.74 };
/** Milliseconds in which whatever would bring back a driver who is gone has done so: cells are read a second time after 1 s. */
const RETURN = 1_200;

/** Tests of drivers who go off duty at another instance than the one that they sent to. */
export function offDutyTests(stage: OnStage): void {
  test('[3.5] who goes off duty at one instance is gone from all, once, and comes back with any timestamp', async () => {
    const { cluster } = stage();
    const [a, b, c] = cluster.instances;
    const fleet = newFleet();
    const now = Date.now();
    await a.send(fleet, { driverId: 'd', ...HERE, timestamp: now, attributes: { status: 'free' } });
    await a.send(fleet, { driverId: 'other', ...HERE, timestamp: now });
    const areas = [{ ...HERE, radius: 1000 }, {}, { around: 'd', radius: 500 }];
    const clients = await Promise.all(
      [a, b, c].flatMap((instance) => areas.map(async (area) => (await watching(instance, fleet, area)).client)),
    );
    for (const client of clients) expect(client.inside()).toEqual(['d', 'other']);
    expect((await b.delete(fleet, '/v1/drivers/d')).status).toBe(204);
    // It is as gone as it will ever be: what waits for the others is on its way.
    expect(await rows(cluster.postgres.urlOf('cluster'), fleet)).toEqual(['other']);
    await until(async () => {
      for (const instance of [a, b, c]) expect((await instance.get(fleet, '/v1/drivers/d')).status).toBe(404);
      for (const [i, client] of clients.entries()) expect(client.inside()).toEqual(i % 3 === 2 ? [] : ['other']);
    });
    await delay(RETURN);
    for (const [i, client] of clients.entries()) {
      expect(client.contradictions).toEqual([]);
      expect(exitsOf(client).filter((exit) => exit.startsWith('d '))).toEqual(['d offline']);
      if (i % 3 === 2) expect(client.belief().followed).toBe('offline');
    }
    for (const instance of [a, b, c]) expect((await instance.get(fleet, '/v1/drivers/d')).status).toBe(404);
    await c.send(fleet, { driverId: 'd', ...HERE, timestamp: now - 60_000 });
    await until(() => {
      for (const client of clients) {
        expect(client.inside()).toEqual(['d', 'other']);
        expect(client.belief().drivers.get('d')).toMatchObject({ timestamp: now - 60_000, ...HERE });
        expect(client.belief().drivers.get('d')).not.toHaveProperty('attributes');
      }
    });
  });

  test('[3.5] a fix that follows, at once or at another instance, is never taken for one from before', async () => {
    const { cluster } = stage();
    const [a, b, c] = cluster.instances;
    const fleet = newFleet();
    const { client } = await watching(b, fleet, { ...HERE, radius: 1000 });
    let timestamp = Date.now();
    await a.send(fleet, { driverId: 'd', ...HERE, timestamp });
    for (let i = 0; i < 12; i++) {
      const [off, on] = [cluster.instances[i % 3], cluster.instances[(i * 2 + 1) % 3]];
      expect((await off.delete(fleet, '/v1/drivers/d')).status).toBe(204);
      // What others are told comes a moment later.
      if (on !== off) await until(async () => expect((await on.get(fleet, '/v1/drivers/d')).status).toBe(404));
      await on.send(fleet, { driverId: 'd', ...HERE, timestamp: --timestamp });
      await until(async () => expect((await off.get(fleet, '/v1/drivers/d')).body).toMatchObject({ timestamp }));
    }
    await until(async () => {
      for (const instance of [a, b, c]) {
        expect((await instance.get(fleet, '/v1/drivers/d')).body).toMatchObject({ timestamp });
      }
      expect(client.belief().drivers.get('d')).toMatchObject({ timestamp });
    });
    expect(client.contradictions).toEqual([]);
  });

  test('[3.5] 404 is for who is known to none of all instances', async () => {
    const { cluster } = stage();
    const [a, , c] = cluster.instances;
    const fleet = newFleet();
    expect((await a.delete(fleet, '/v1/drivers/nobody')).status).toBe(404);
    await a.send(fleet, { driverId: 'd', ...HERE });
    expect((await c.delete(fleet, '/v1/drivers/d')).status).toBe(204);
    await until(async () => expect((await a.get(fleet, '/v1/drivers/d')).status).toBe(404));
    expect((await a.delete(fleet, '/v1/drivers/d')).status).toBe(404);
  });
}

/** The drivers of a fleet in the table. */
async function rows(connectionString: string, fleet: string): Promise<string[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT driver_id FROM positions WHERE fleet = $1 ORDER BY 1', [fleet]);
    return rows.map(({ driver_id }) => driver_id);
  } finally {
    await client.end();
  }
}
