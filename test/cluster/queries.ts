import { cellToLatLng, getPentagons } from 'h3-js';
import { expect, test } from 'vitest';
import { named } from '../geo/shapes.ts';
import type { AskedArea } from '../support/areas.ts';
import { areasIn, everywhere } from '../support/areas.ts';
import type { Instance } from '../support/cluster.ts';
import { destination, type Place } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { cells, driver, nearby, type Question, within } from './question.ts';
import { SHARED_RESOLUTION } from './scenes.ts';
import { newFleet, type OnStage, until, watching } from './stage.ts';
import { type Filters, Truth } from './truth.ts';

const DRIVERS = 40;
const GEOJSON = { accept: 'application/geo+json' };

/** Where drivers are: close to each other, on one spot, and elsewhere. */
function crowd(random: Random, centre: Place): Truth {
  const truth = new Truth();
  const now = Date.now();
  for (let i = 0; i < DRIVERS; i++) {
    const metres = i % 8 === 0 ? 5_000 : random.pick([200, 3_000, 30_000, 300_000]) * random.next();
    const azimuth = i % 8 === 0 ? 77 : random.between(0, 360);
    const [latitude, lng] = destination(centre, azimuth, metres);
    truth.drivers.set(`d${i}`, {
      driverId: `d${i}`,
      latitude,
      longitude: named(lng),
      timestamp: now - random.pick([0, 7_200_000]) - i,
      attributes: random.below(4) === 0 ? {} : { status: random.pick(['free', 'busy']), seats: random.below(3) },
    });
  }
  return truth;
}

/** An answer as it came, without what no two have alike. */
async function written(instance: Instance, fleet: string, path: string, headers = {}): Promise<string[]> {
  const pages: string[] = [];
  for (let page: string | undefined = path; page !== undefined; ) {
    const { status, text, body } = await instance.get(fleet, page, headers);
    pages.push(`${status} ${text.replace(/"(serverTime|cursor|requestId)":("[^"]*"|\d+)/g, '"$1":')}`);
    page = body?.next;
  }
  return pages;
}

/** Tests of answers from the store, where an instance does not hold what it is asked about. */
export function queryTests(stage: OnStage): void {
  test('whatever is asked of an instance that was never asked before, it answers as one that watches', async () => {
    const { instances } = stage().cluster;
    const [a, b, c] = instances;
    const random = seeded('cold queries');
    const centres: Place[] = [
      [30.27, -97.74],
      [-17.5, 180],
      [89.9, 10],
      cellToLatLng(random.pick(getPentagons(SHARED_RESOLUTION))) as [number, number],
    ];
    const filters: Filters[] = [{}, {}, { where: ['status', ['free']] }, { maxAge: 3_600 }];
    const asked: ((fleet: string, truth: Truth, centre: Place) => Question)[] = [];
    for (const [i, filter] of filters.entries()) {
      asked.push((fleet, truth, [lat, lng]) =>
        nearby(fleet, truth, [lat, named(lng), 100_000], [3, 100][i % 2], filter),
      );
      asked.push((fleet, truth, centre) => within(fleet, truth, areasIn(centre, 'd1')[i], [7, 100][i % 2], filter));
      asked.push((fleet, truth, centre) => cells(fleet, truth, areaFor(centre, i), [3, 6, 7, 15][i], filter));
    }
    asked.push((fleet, truth) => within(fleet, truth, everywhere, 7));
    asked.push((fleet, truth) => driver(fleet, truth, 'd7'));
    asked.push((fleet, truth) => driver(fleet, truth, 'nobody'));
    const coldBefore = await c.metric('nearcast_cold_queries_total');
    await Promise.all(
      asked.map(async (question, i) => {
        // Nobody has heard of the fleet, so nothing of it is held at the third instance.
        const fleet = newFleet();
        const centre = centres[i % centres.length];
        const truth = crowd(random, centre);
        await a.send(fleet, ...truth.drivers.values());
        const { path, ask } = question(fleet, truth, centre);
        const { client } = await watching(b, fleet, {});
        expect(client.inside().length).toBe(DRIVERS);
        const headers = i % 2 === 0 ? {} : GEOJSON;
        const cold = await written(c, fleet, path, headers);
        expect.soft(cold, path).toEqual(await written(b, fleet, path, headers));
        // Each time, however warm it is by now.
        for (const instance of [c, b, a, c])
          expect.soft(await ask(instance), `${path} at ${instance.name}`).toBe(undefined);
        client.socket.terminate();
      }),
    );
    expect(await c.metric('nearcast_cold_queries_total')).toBeGreaterThan(coldBefore);
  });

  test('what was acknowledged by one instance is found at another at once, where that holds nothing, and soon elsewhere', async () => {
    const [a, , c] = stage().cluster.instances;
    const truth = new Truth();
    const fleet = newFleet();
    const asked = [
      nearby(fleet, truth, [10, 20, 5_000], 5),
      within(fleet, truth, areasIn([10, 20], 'd')[0], 5),
      driver(fleet, truth, 'd'),
    ];
    for (let i = 0; i < 20; i++) {
      const known = { driverId: 'd', latitude: 10 + i * 1e-3, longitude: 20, timestamp: Date.now(), attributes: {} };
      const { attributes: _, ...fix } = known;
      await a.send(fleet, fix);
      truth.drivers.set('d', known);
      // What this instance was asked about it holds from then on.
      if (i === 0) for (const { ask } of asked) expect(await ask(c)).toBe(undefined);
      else await until(async () => expect(await asked[i % 3].ask(c)).toBe(undefined));
    }
  });

  test('[9.6] pages from the store and from memory are one list, also while it is warmed', async () => {
    const [a, , c] = stage().cluster.instances;
    const random = seeded('pages of a cold list');
    const fleet = newFleet();
    const truth = crowd(random, [48.2, 16.4]);
    await a.send(fleet, ...truth.drivers.values());
    for (const limit of [1, 9, 1000]) {
      expect(await within(fleet, truth, everywhere, limit).ask(c)).toBe(undefined);
    }
    const [, , frame] = areasIn([48.2, 16.4], 'd1');
    expect(await within(fleet, truth, frame, 2).ask(c)).toBe(undefined);
  });

  test('[20] a token with bounds and precision sees at any instance just what it may', async () => {
    const [a, b, c] = stage().cluster.instances;
    const random = seeded('bounded cold queries');
    const centre: Place = [30.27, -97.74];
    for (const claims of [
      { area: { latitude: centre[0], longitude: centre[1], radius: 10_000 } },
      { precision: 6 },
      { area: { latitude: centre[0], longitude: centre[1], radius: 30_000 }, precision: 5 },
    ]) {
      const fleet = newFleet();
      const truth = crowd(random, centre);
      await a.send(fleet, ...truth.drivers.values());
      const { token } = await import('../support/server.ts');
      const headers = { authorization: `Bearer ${token({ fleet, scope: 'positions:read', ...claims })}` };
      const watcher = await b.connectAs(headers);
      await watcher.ask({ type: 'subscribe', subscription: 's' }, 'snapshot');
      for (const path of [
        `/v1/drivers/nearby?latitude=${centre[0]}&longitude=${centre[1]}&radius=100000&limit=100`,
        '/v1/drivers',
        `/v1/drivers?latitude=${centre[0]}&longitude=${centre[1]}&radius=3000`,
        '/v1/cells?resolution=5',
        '/v1/drivers/d1',
        '/v1/drivers/d8',
        `/v1/drivers?around=d8&radius=20000`,
      ]) {
        const cold = await written(c, fleet, path, headers);
        expect.soft(cold, `${path} ${JSON.stringify(claims)}`).toEqual(await written(b, fleet, path, headers));
        expect(cold[0]).not.toMatch(/^5/);
      }
    }
  });
}

function areaFor(centre: Place, i: number): AskedArea {
  return i === 3 ? everywhere : areasIn(centre, 'd1')[i];
}
