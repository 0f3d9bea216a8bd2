import { expect, test } from 'vitest';
import { bearer } from '../support/cluster.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { newFleet, type OnStage, until, watching } from './stage.ts';

const AREA = { latitude: 30.27, longitude: -97.74, radius: 5_000 };
const at = (driverId: string, metres: number) => ({
  driverId,
  latitude: AREA.latitude + metres / 111_000,
  longitude: AREA.longitude,
});

/** Tests of cursors that come to another instance than the one that gave them. */
export function resumeTests(stage: OnStage): void {
  test('[12.4] at another instance a cursor is followed by a snapshot of all that is so', async () => {
    const { cluster } = stage();
    const [a, b, c] = cluster.instances;
    const fleet = newFleet();
    await a.send(fleet, at('stays', 100), at('moves', 200), at('leaves', 300), at('goes', 400));
    const { client, snapshot } = await watching(a, fleet, AREA);
    expect(client.inside()).toEqual(['goes', 'leaves', 'moves', 'stays']);
    client.socket.terminate();
    await client.closed;
    await b.send(fleet, at('moves', 250), at('leaves', 50_000), at('comes', 500));
    expect((await c.delete(fleet, '/v1/drivers/goes')).status).toBe(204);

    const own = await a.connect(fleet);
    own.beliefs.set('default', client.belief());
    const other = await b.connect(fleet);
    const third = await EventStreamReader.open(
      `${c.url}/v1/stream?latitude=${AREA.latitude}&longitude=${AREA.longitude}&radius=${AREA.radius}`,
      { ...bearer(fleet), 'last-event-id': snapshot.cursor },
    );
    const asked = { type: 'subscribe', subscription: 'default', ...AREA, cursor: snapshot.cursor };
    own.send(asked);
    const full = await other.ask(asked, 'snapshot');
    expect(full.resumed).toBe(false);
    expect((await third.next('snapshot')).data.resumed).toBe(false);
    // What was told before it is still so, or told of.
    await until(() => {
      for (const belief of [own.belief(), other.belief(), third.belief]) {
        expect(belief.inside).toEqual(['comes', 'moves', 'stays']);
        expect(belief.drivers.get('moves').latitude).toBe(at('moves', 250).latitude);
        expect(belief.contradictions).toEqual([]);
      }
    });
  });

  test('[12.4] so is the cursor of an answer of another instance', async () => {
    const { cluster } = stage();
    const [a, b, c] = cluster.instances;
    const fleet = newFleet();
    await a.send(fleet, at('one', 100), at('two', 200));
    const query = `latitude=${AREA.latitude}&longitude=${AREA.longitude}&radius=${AREA.radius}`;
    const { body } = await c.get(fleet, `/v1/drivers/nearby?${query}`);
    expect(body.drivers.map(({ driverId }: { driverId: string }) => driverId)).toEqual(['one', 'two']);
    const { client, snapshot } = await watching(b, fleet, AREA, { cursor: body.cursor });
    expect(snapshot.resumed).toBe(false);
    expect(client.inside()).toEqual(['one', 'two']);
  });

  test('[12.2] the cursor of an answer from the database is never taken for more than it says', async () => {
    const { cluster } = stage();
    const [a, , c] = cluster.instances;
    const fleet = newFleet();
    await a.send(fleet, at('one', 100), at('two', 200));
    const query = `latitude=${AREA.latitude}&longitude=${AREA.longitude}&radius=${AREA.radius}`;
    // Nobody has asked this instance about this fleet before.
    const { body } = await c.get(fleet, `/v1/drivers/nearby?${query}`);
    await a.send(fleet, at('one', 150), at('two', 50_000), at('three', 300));
    const client = await c.connect(fleet);
    for (const driver of body.drivers) client.belief().drivers.set(driver.driverId, driver);
    client.send({ type: 'subscribe', subscription: 'default', ...AREA, cursor: body.cursor });
    await until(() => {
      expect(client.inside()).toEqual(['one', 'three']);
      expect(client.belief().drivers.get('one').latitude).toBe(at('one', 150).latitude);
    });
    expect(client.contradictions).toEqual([]);
  });
}
