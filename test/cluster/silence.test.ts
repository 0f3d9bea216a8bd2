import { expect, test } from 'vitest';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import type { Sight } from '../../src/sight.ts';
import { Around } from '../../src/subscriptions/area.ts';
import type { Within } from '../../src/tracker.ts';
import { turns } from '../support/pressure.ts';
import { join, type Member, shared } from './member.ts';

const FLEET = 'f';
const BOUNDS = new Circle(30, 10, 1_000);
/** Of the ids, those of even ones are inside. */
const DRIVERS = 40;

/** What is outside in one of the two worlds. */
type Outside = 'nobody' | 'as many again';

/** An instance of which nobody asked anything yet, in a world where another one took all fixes. */
async function newcomer(outside: Outside): Promise<Member> {
  const all = shared();
  const { tracker } = join(all, 1);
  for (let i = 0; i < DRIVERS; i++) {
    const isInside = i % 2 === 0;
    if (!isInside && outside === 'nobody') continue;
    // Those outside are in the same cells, and just next to them.
    const lat = isInside ? 30 + i * 1e-4 : 30.0091 + i * 1e-4;
    tracker.accept(FLEET, { driverId: `d${String(i).padStart(2, '0')}`, lat, lng: 10, timestamp: all.clock.now });
  }
  await turns(6);
  return join(all, 2);
}

function told({ drivers, distances, truncated, next, cursor }: Omit<Within, 'next'> & { next?: string }) {
  return { drivers: drivers.map(({ position }) => position), distances, truncated, next, cursor: cursor.length };
}

/** Everything that can be asked, as the first and as the second question. */
async function answers(member: Member, sight: Sight): Promise<unknown[]> {
  const { reads } = member;
  const said: unknown[] = [];
  for (const limit of [1, 7, 20, 100]) {
    said.push(told(await reads.nearby(sight, new Circle(30.009, 10, 2_000), limit)));
    for (const area of [EVERYWHERE, new Circle(30.009, 10, 2_000), new Around('d02', 2_000)]) {
      let after: string | undefined;
      for (let page = 0; page < DRIVERS; page++) {
        const found = await reads.within(sight, area, {}, limit, after);
        said.push(found && told(found));
        after = found?.next;
        if (after === undefined) break;
      }
      said.push(await reads.cells(sight, area, 9, {}, limit));
    }
  }
  for (const driverId of ['d01', 'd02', 'nobody']) {
    said.push((await reads.driver(sight, driverId))?.position);
  }
  for (const driverId of ['d01', 'nobody']) {
    said.push(await reads.within(sight, new Around(driverId, 500), {}, 10));
    said.push(await reads.cells(sight, new Around(driverId, 500), 9, {}, 10));
  }
  return said;
}

const SIGHTS: Record<string, Sight> = {
  'an area': { fleet: FLEET, bounds: BOUNDS },
  'an area by cells': { fleet: FLEET, bounds: BOUNDS, precision: 9 },
  'one driver': { fleet: FLEET, driverId: 'd02' },
};

for (const [name, sight] of Object.entries(SIGHTS)) {
  test(`[22.1] who may see ${name} alone is told the same by an instance that knew nothing, whoever else there is`, async () => {
    const [alone, crowded] = await Promise.all([newcomer('nobody'), newcomer('as many again')]);
    // The first time from the store, and then from memory.
    for (const from of ['store', 'memory']) {
      const [expected, said] = [await answers(alone, sight), await answers(crowded, sight)];
      expect(said, from).toEqual(expected);
      const text = JSON.stringify(said);
      expect(text).toContain('d02');
      expect(text).not.toMatch(/d\d[13579]/);
      // Where it is, to the metre.
      expect(text.includes('30.0002')).toBe(sight.precision === undefined);
      await turns(6);
    }
  });
}
