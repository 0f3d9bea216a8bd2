import { cellToLatLng, gridDisk, latLngToCell } from 'h3-js';
import { expect, test } from 'vitest';
import { SHARED_RESOLUTION } from './scenes.ts';
import { exitsOf, newFleet, type OnStage, until, watching } from './stage.ts';

const REGIONS = 100;
const WATCHED = 5;
const ROUNDS = 10;
/** Metres: far from the border of a cell when it is in the middle. */
const RADIUS = 2_000;
/** Milliseconds in which something is told over the bus: before anything is read anew. */
const TOLD = 900;

/** Tests of what an instance is told of: what its clients look at. */
export function interestTests(stage: OnStage): void {
  test(`of ${REGIONS} regions an instance hears those ${WATCHED} that are watched at it`, async () => {
    const { cluster, redis, tap } = stage();
    const [a, b] = cluster.instances;
    const fleet = newFleet();
    const cells = gridDisk(latLngToCell(48.2, 16.4, SHARED_RESOLUTION), 6).slice(0, REGIONS);
    const centres = cells.map((cell) => cellToLatLng(cell));
    // Far from each other among neighbours.
    const watched = centres.filter((_, i) => i % (REGIONS / WATCHED) === 0);
    const sender = await a.connect(fleet);
    const drive = async (round: number) => {
      const positions = centres.map(([latitude, longitude], i) => ({
        driverId: `d${i}`,
        latitude: latitude + round * 1e-4,
        longitude,
      }));
      const { results } = await sender.ask({ type: 'positions', id: round, positions }, 'ack');
      expect(results).toEqual(positions.map(() => ({ verdict: 'accepted' })));
    };
    await drive(0);
    const watchers = await Promise.all(
      watched.map(async ([latitude, longitude]) => {
        const { client } = await watching(b, fleet, { latitude, longitude, radius: RADIUS });
        return { client, latitude };
      }),
    );
    const believed = (round: number) =>
      until(() => {
        for (const { client, latitude } of watchers) {
          const [driver] = client.belief().drivers.values();
          expect(driver?.latitude).toBe(latitude + round * 1e-4);
        }
      });
    await believed(0);
    const heard = () => [...tap.heard].filter(([channel]) => channel.includes(`/${encodeURIComponent(fleet)}/`));
    const sum = () => heard().reduce((total, [, count]) => total + count, 0);
    const own = () => b.metric('nearcast_bus_messages_total', { direction: 'in' });
    const all = () => [...tap.heard.values()].reduce((total, count) => total + count, 0);
    const published = async () => {
      const stats = String(await redis.command('INFO', 'commandstats'));
      return Number(/cmdstat_spublish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = { heard: sum(), own: await own(), all: all(), published: await published() };
    for (let round = 1; round <= ROUNDS; round++) {
      await drive(round);
      await believed(round);
    }
    expect((await published()) - before.published).toBeGreaterThanOrEqual(REGIONS * ROUNDS);
    expect(heard().length).toBe(WATCHED);
    expect(sum() - before.heard).toBe(WATCHED * ROUNDS);
    // It says so itself; what it says of the fleet as a whole comes now and then.
    await until(async () => expect((await own()) - before.own).toBe(all() - before.all));
    expect(all() - before.all).toBeLessThan(2 * WATCHED * ROUNDS);
  });

  test('who goes where an instance does not look has left, and is there again when it is back', async () => {
    const { cluster } = stage();
    const [a, b, c] = cluster.instances;
    const fleet = newFleet();
    const here = { latitude: 52.5, longitude: 13.4 };
    const away = { latitude: -33.9, longitude: 18.4 };
    await a.send(fleet, { driverId: 'd', ...here });
    const { client } = await watching(b, fleet, { ...here, radius: RADIUS });
    for (let i = 0; i < 5; i++) {
      const at = i % 2 === 0 ? away : here;
      // By another instance than before, now and then.
      await [a, a, c][i % 3].send(fleet, { driverId: 'd', ...at });
      await until(() => expect(client.inside()).toEqual(i % 2 === 0 ? [] : ['d']), TOLD);
    }
    expect(exitsOf(client)).toEqual(['d left', 'd left', 'd left']);
    expect(client.contradictions).toEqual([]);
  });

  test('who looks elsewhere hears of there', async () => {
    const { cluster, tap } = stage();
    const [a, b] = cluster.instances;
    const fleet = newFleet();
    const places = [
      { latitude: 10, longitude: 20 },
      { latitude: -30, longitude: 120 },
    ];
    const { client } = await watching(b, fleet, { ...places[0], radius: RADIUS });
    const channels = () =>
      [...tap.heard.keys()].filter((channel) => channel.includes(`/${encodeURIComponent(fleet)}/`));
    await a.send(fleet, { driverId: 'here', ...places[0] }, { driverId: 'there', ...places[1] });
    await until(() => expect(client.inside()).toEqual(['here']));
    expect(channels().length).toBe(1);
    client.heard.length = 0;
    const answer = await client.ask({ type: 'update', subscription: 'default', ...places[1] }, 'changes');
    expect(answer).toMatchObject({ enter: [{ driverId: 'there' }], exit: [{ driverId: 'here', reason: 'left' }] });
    await a.send(fleet, { driverId: 'there', ...places[1], attributes: { n: 1 } });
    await until(() => expect(client.belief().drivers.get('there').attributes).toEqual({ n: 1 }));
    expect(channels().length).toBe(2);
    expect(client.contradictions).toEqual([]);
  });
}
