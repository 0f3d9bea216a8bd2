import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Instance } from '../support/cluster.ts';
import { slowTest } from '../support/slow.ts';
import { exitsOf, newFleet, type OnStage, until, watching } from './stage.ts';
import { listens } from './trouble.ts';

const HERE = { latitude: 30.27, longitude: -97.74 };
const AREA = { ...HERE, radius: 5_000 };
const THERE = { latitude: -12, longitude: 100 };
/** Milliseconds until it is noticed that Redis is away, or there again, on a busy machine, and all is made good. */
const NOTICED = 10_000;

/** Milliseconds after which a cell that is watched was read for the last time. */
const SETTLED = 1_600;
/** Milliseconds in which a connection is made again, and what it was for made good: before anything else would. */
const MENDED = 3_000;

const readiness = async (instance: Instance) => {
  const { status, body } = await instance.request('GET', '/readyz', {});
  return { status, ready: body?.status };
};

/** Tests of a cluster whose Redis is away, and comes back. */
export function degradedTests(stage: OnStage): void {
  test('without Redis every instance serves its own and is asked for what is so; on its return all is made good', async () => {
    const { cluster, redis } = stage();
    const [a, b, c] = cluster.instances;
    const fleet = newFleet();
    const at = (driverId: string, metres: number) => ({
      driverId,
      latitude: HERE.latitude + metres / 111_000,
      longitude: HERE.longitude,
    });
    await a.send(fleet, at('one', 100), at('two', 200), at('three', 300));
    const { client: own } = await watching(a, fleet, AREA);
    const { client: other } = await watching(b, fleet, AREA);
    expect(other.inside()).toEqual(['one', 'three', 'two']);
    for (const instance of cluster.instances) expect(await readiness(instance)).toEqual({ status: 200, ready: 'ok' });

    await redis.crash();
    try {
      await until(async () => {
        for (const instance of cluster.instances) {
          expect(await readiness(instance)).toEqual({ status: 200, ready: 'degraded' });
        }
      }, NOTICED);
      await a.send(fleet, at('one', 150), at('four', 400), { driverId: 'two', ...THERE });
      expect((await a.delete(fleet, '/v1/drivers/three')).status).toBe(204);
      // Its own watchers are told as ever.
      await until(() => {
        expect(own.inside()).toEqual(['four', 'one']);
        expect(own.belief().drivers.get('one').latitude).toBe(at('one', 150).latitude);
      });
      // Whoever asks another instance is answered what is stored, and all that is acknowledged is.
      const query = `latitude=${HERE.latitude}&longitude=${HERE.longitude}&radius=5000`;
      for (const instance of [b, c]) {
        const nearby = await instance.get(fleet, `/v1/drivers/nearby?${query}`);
        expect(nearby.status).toBe(200);
        expect(nearby.body.drivers).toMatchObject([{ ...at('one', 150) }, { ...at('four', 400) }]);
        const list = await instance.get(fleet, '/v1/drivers');
        expect(list.body.drivers.map(({ driverId }: { driverId: string }) => driverId)).toEqual(['four', 'one', 'two']);
        expect((await instance.get(fleet, '/v1/drivers/two')).body).toMatchObject(THERE);
        expect((await instance.get(fleet, '/v1/drivers/three')).status).toBe(404);
        const { body } = await instance.get(fleet, `/v1/cells?resolution=4&${query}`);
        expect(body.cells.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(2);
      }
      // A driver goes on at another instance, which has not heard of it.
      await c.send(fleet, { ...at('one', 160), attributes: { status: 'busy' } });
      // And back at the first, which has not heard of that.
      const now = Date.now() + 1_000;
      await c.send(fleet, { ...at('one', 170), timestamp: now, attributes: { status: 'waits' } });
      expect((await a.get(fleet, '/v1/drivers/one')).body).toMatchObject({ timestamp: now });
      for (const [timestamp, verdict] of [
        [now, 'duplicate'],
        [now - 1, 'late'],
        [now + 1, 'accepted'],
      ] as const) {
        const { body } = await a.post(fleet, '/v1/positions', { positions: [{ ...at('one', 180), timestamp }] });
        expect.soft(body.results, verdict).toEqual([{ verdict }]);
      }
    } finally {
      await redis.start();
    }
    await until(async () => {
      for (const instance of cluster.instances) expect(await readiness(instance)).toEqual({ status: 200, ready: 'ok' });
      for (const client of [own, other]) {
        expect(client.inside()).toEqual(['four', 'one']);
        expect(client.belief().drivers.get('one')).toMatchObject({
          latitude: at('one', 180).latitude,
          attributes: { status: 'waits' },
        });
      }
    }, NOTICED);
    expect(exitsOf(other).sort()).toEqual(['three offline', 'two left']);
    expect([...own.contradictions, ...other.contradictions]).toEqual([]);
    // And they hear of each other again.
    await c.send(fleet, at('five', 500));
    await until(() => {
      for (const client of [own, other]) expect(client.inside()).toEqual(['five', 'four', 'one']);
    });
  });

  slowTest.for([
    ['listens', true],
    ['publishes', false],
  ] as const)('where nobody moves all is known again soon after the connection that %s was cut', async ([, isEar]) => {
    const { cluster, redis } = stage();
    const [a, b] = cluster.instances;
    const fleet = newFleet();
    await a.send(fleet, { driverId: 'd', ...HERE });
    const { client } = await watching(b, fleet, AREA);
    // What was read is read once more by then, so that nothing is due any more but what comes of the cut.
    await delay(SETTLED);
    const before = await redis.clients();
    expect(await redis.killClients((one) => listens(one) === isEar)).toBeGreaterThan(0);
    await until(async () => {
      const after = await redis.clients();
      // All connections are there that were, and are others.
      expect(after.filter((one) => listens(one) === isEar).length).toBe(
        before.filter((one) => listens(one) === isEar).length,
      );
      for (const instance of cluster.instances) {
        expect((await readiness(instance)).ready).toBe('ok');
        expect(await instance.metric('nearcast_leases', { state: 'doubtful' })).toBe(0);
      }
    }, MENDED);
    // Who comes now is told what is there, as whoever was there before believes.
    for (const instance of [b, a]) {
      const { client: late } = await watching(instance, fleet, AREA);
      expect(late.inside()).toEqual(['d']);
    }
    expect(client.inside()).toEqual(['d']);
  });
}
