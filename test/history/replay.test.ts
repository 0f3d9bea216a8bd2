import { expect, test } from 'vitest';
import { areasIn } from '../support/areas.ts';
import type { Place } from '../support/geodesic.ts';
import { seeded } from '../support/random.ts';
import { agree, viewOf } from './agree.ts';
import { type Asked, DAWN, madeUpDay, sourceOf, Truth } from './past.ts';
import { Stage } from './stage.ts';

const CITY: Place = [30, -97];
const DATELINE: Place = [-17, 179.99];
const HOURS = 3_600_000;

const cases: [string, Place, number, Record<string, string>][] = [
  ['quickly', CITY, 3_600, {}],
  ['at an odd speed, over the antimeridian', DATELINE, 777.7, {}],
  ['with a filter and an age', CITY, 1_000, { 'attributes.status': 'free', maxAge: '45' }],
];
for (const [name, centre, speed, filters] of cases) {
  test(`[17.2] every message of a replay ${name} is the truth of its serverTime, and nothing is left untold`, async () => {
    const random = seeded('replay');
    const from = DAWN + 23 * HOURS;
    const to = from + 1.5 * HOURS;
    const fixes = madeUpDay(random, centre, { drivers: 30, from, to });
    const truth = new Truth(fixes);
    for (const area of areasIn(centre, 'd7')) {
      const asked = {
        area,
        status: filters['attributes.status'],
        maxAge: filters.maxAge && Number(filters.maxAge),
      } as Asked;
      const stage = new Stage({ source: sourceOf(fixes), view: viewOf(area, filters), from, to, speed });
      let most = 0;
      stage.onMessage = ({ serverTime }) => {
        agree(stage, truth, asked, serverTime);
        most = Math.max(most, stage.belief.drivers.size);
      };
      await stage.begin();
      expect(stage.messages[0]).toMatchObject({ type: 'snapshot', serverTime: from, resumed: false });
      let last = 0;
      await stage.playOut(() => {
        // Also where nothing was said: it must be because nothing has changed.
        if (random.next() < 0.1) agree(stage, truth, asked, stage.replay.now);
        last = stage.replay.now;
      });
      expect(stage.ended).toEqual({ error: undefined });
      expect(last).toBe(to);
      expect(stage.messages.at(-1)).toMatchObject({ type: 'changes', serverTime: to });
      expect(most, area.kind).toBeGreaterThan(0);
      expect(stage.clock.timers()).toBe(0);
    }
  });
}
