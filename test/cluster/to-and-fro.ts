import { expect, test } from 'vitest';
import { newFleet, type OnStage, until } from './stage.ts';

const HERE = { latitude: 52.5, longitude: 13.4 };
const AWAY = { latitude: -33.9, longitude: 18.4 };

/** Tests of drivers who send to one instance and then to another, as whoever sends by HTTP through a balancer. */
export function toAndFroTests(stage: OnStage): void {
  test('[2.4, 3.1] whichever instance a fix comes to, it is judged by the last one, and attributes stay', async () => {
    const { instances } = stage().cluster;
    const fleet = newFleet();
    let timestamp = Date.now() - 60_000;
    let n = 0;
    let attributes = {};
    for (let i = 0; i < 24; i++) {
      // Each comes to another than the one before, in changing order, and that to one where it was before.
      const instance = instances[(i * 2 + Math.floor(i / 3)) % 3];
      const place = i % 4 === 3 ? AWAY : HERE;
      const isWhole = i % 2 === 0;
      if (isWhole) attributes = { status: 'free', n: ++n };
      const judge = async (at: number, more: object = {}) => {
        const { body } = await instance.post(fleet, '/v1/positions', {
          positions: [{ driverId: 'd', ...place, timestamp: at, ...more }],
        });
        return body.results[0].verdict;
      };
      if (i > 0) {
        expect(await judge(timestamp), `${i}`).toBe('duplicate');
        expect(await judge(timestamp - 500), `${i}`).toBe('late');
      }
      timestamp += 1_000;
      expect(await judge(timestamp, isWhole ? { attributes } : {}), `${i}`).toBe('accepted');
      const known = { ...place, timestamp, attributes };
      await until(async () => {
        for (const one of instances) expect((await one.get(fleet, '/v1/drivers/d')).body).toMatchObject(known);
      });
    }
  });
}
