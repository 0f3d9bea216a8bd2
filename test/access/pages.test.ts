import { expect, test } from 'vitest';
import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { EVERYWHERE } from '../../src/geo/everywhere.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import type { StoredFix } from '../../src/store/store.ts';
import type { Area } from '../../src/subscriptions/area.ts';
import type { Filters } from '../../src/subscriptions/view.ts';
import { Tracker } from '../../src/tracker.ts';

// A page looks at 20,000 drivers at the most: there are more, both of those who may be seen and of those who may not.

const COUNT = 20_500;
const HIDDEN = 45_000;
/** Hidden ones of the first ids: as many as for two pages. */
const FIRST = 42_000;
const NOW = 1_700_000_000_000;
const writer = { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} };
const sight = { fleet: 'f', bounds: new Circle(-30, 97, 5_000) };

const numbered = (letter: string, i: number) => letter + String(i).padStart(6, '0');
const idOf = (i: number) => numbered('m', i);

/** They come before all others, among them, and after them. */
function hiddenId(i: number): string {
  if (i < FIRST) return `${numbered('a', i)}-hidden`;
  return `${i % 2 === 0 ? numbered('m', i - FIRST) : numbered('z', i)}-hidden`;
}

async function makeTracker(): Promise<Tracker> {
  const deps = { writer, now: () => NOW, instance: 'i', encode: encodePosition, ttlSeconds: 9, maxFutureSeconds: 0 };
  const tracker = new Tracker(deps);
  const rows: StoredFix[] = [];
  for (let i = 0; i < HIDDEN; i++) {
    const common = { fleet: 'f', timestamp: NOW, receivedAt: NOW, attributes: { isRare: i % 7_000 === 0 } };
    if (i < COUNT) rows.push({ ...common, driverId: idOf(i), lat: -30, lng: 97 + i / 1e6 });
    rows.push({ ...common, driverId: hiddenId(i), lat: 48, lng: 16 + i / 1e5 });
  }
  await tracker.restore(
    (async function* () {
      yield rows;
    })(),
  );
  return tracker;
}

test('a page that is given up is gone on with by nobody who may not be seen, and none is missed', async () => {
  const tracker = await makeTracker();
  const everybody = Array.from({ length: COUNT }, (_, i) => idOf(i));
  const rare = everybody.filter((_, i) => i % 7_000 === 0);
  const asked: readonly [Area, Filters, number, readonly string[]][] = [
    [EVERYWHERE, {}, 5_000, everybody],
    [EVERYWHERE, { where: { isRare: true } }, 2, rare],
    [new Box(-180, -90, 180, 90), {}, 5_000, everybody],
    [new Box(-180, -90, 180, 90), { where: { isRare: true } }, 100, rare],
    [new Circle(0, 0, 20_037_000), { where: { isRare: false, nobody: 1 } }, 100, []],
    [new Box(0, 0, 90, 90), {}, 100, []],
  ];
  for (const [area, filters, limit, expected] of asked) {
    const found: string[] = [];
    let pages = 0;
    for (let after: string | undefined = ''; after !== undefined; pages++) {
      const page = tracker.within(sight, area, filters, limit, after);
      found.push(...(page?.drivers ?? []).map(({ id }) => id));
      after = page?.next;
      expect(String(after)).not.toContain('hidden');
    }
    expect(found).toEqual(expected);
    expect(pages).toBeLessThan(8);
  }
});

test('wherever a page begins, its end names nobody who may not be seen', async () => {
  const tracker = await makeTracker();
  for (let i = 0; i < HIDDEN; i += 5_000) {
    const page = tracker.within(sight, EVERYWHERE, { where: { nobody: 1 } }, 1, hiddenId(i));
    expect(String(page?.next)).not.toContain('hidden');
  }
});
