import { cellToParent, latLngToCell } from 'h3-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Position } from '../../src/fix.ts';
import type { ReplaySource, Span } from '../../src/history/replay-source.ts';
import type { Store, StoredFix } from '../../src/store/store.ts';
import { destination } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { late, row } from './rows.ts';

/** Five minutes before a day ends: what is asked for is mostly of two. */
const EVENING = Date.UTC(2025, 10, 21, 23, 55);
/** For the clock by which the stores under test keep history, of at least a day. */
export const REPLAYS_NOW = EVENING + 3_600_000;

export interface ReplaysSubject {
  readonly store: Store;
  readonly source: ReplaySource;
  close(): Promise<void>;
}

/** What every source of replays has to tell. */
export function replaysContract(name: string, open: () => Promise<ReplaysSubject>): void {
  describe(`replays of the ${name} store`, () => {
    let subject: ReplaysSubject;
    const random = seeded('replays contract');
    const fixes = past(random);
    beforeAll(async () => {
      subject = await open();
      await subject.store.write(late(fixes));
    }, 60_000);
    afterAll(() => subject?.close(), 30_000);

    const spans: [string, () => Span][] = [
      ['of a whole fleet', () => span(random)],
      ['of two days', () => ({ ...span(random), from: EVENING + 290_000, to: EVENING + 310_000 })],
      ['of some cells', () => ({ ...span(random), cells: someCells(random, fixes) })],
      ['of no cell', () => ({ ...span(random), cells: [] })],
      ['of one moment', () => moment(random.pick(fixes))],
      ['of another fleet', () => ({ ...span(random), fleet: 'other' })],
      ['of a fleet that is none', () => ({ ...span(random), fleet: 'none' })],
      ['of a time before any', () => ({ fleet: 'default', from: 0, to: EVENING - 86_400_000 })],
    ];

    it.each(spans)('gives the latest fix of each driver %s, in pages', async (_, make) => {
      for (let n = 0; n < 3; n++) {
        const asked = make();
        const limit = 3 + random.below(20);
        const found: Position[] = [];
        for (let after: string | undefined; ; ) {
          const page = await subject.source.latest(asked, limit, after);
          found.push(...page);
          if (page.length < limit) break;
          expect(page.length).toBe(limit);
          after = page[limit - 1].driverId;
        }
        expect(found).toEqual(latestOf(fixes, asked));
      }
    });

    it.each(spans)('gives all fixes of the drivers %s, and of those named, in pages', async (_, make) => {
      for (let n = 0; n < 3; n++) {
        const asked = make();
        const limit = 20 + random.below(200);
        const named = random.next() < 0.5 ? [] : ['d3', '🚕', "o'neil", 'nobody'];
        const found: Position[] = [];
        for (let after: Position | undefined; ; ) {
          const page = await subject.source.fixes(asked, named, limit, after);
          found.push(...page);
          if (page.length < limit) break;
          after = page[limit - 1];
        }
        expect(found).toEqual(fixesOf(fixes, asked, named));
      }
    });

    it('gives a fix bit for bit', async () => {
      const whole = row('whole', {
        fleet: 'exact',
        lat: 12.345678901234567,
        lng: -179.99999999999997,
        timestamp: EVENING + 123,
        receivedAt: EVENING + 456,
        accuracy: 0.1,
        altitude: -430.5,
        heading: 359.99999999999994,
        speed: 5e-324,
        attributes: { status: 'available', seats: 4, electric: true, 'weird "key"\\': '𝕏 \n\t \\ \u0001' },
      });
      const bare = row('bare', { fleet: 'exact', timestamp: EVENING + 999, lat: -0.1, lng: 180 });
      await subject.store.write(late([whole, bare]));
      const asked = { fleet: 'exact', from: EVENING, to: EVENING + 999 };
      expect(await subject.source.fixes(asked, [], 9)).toEqual([whole, bare].map(toPosition));
      expect(await subject.source.latest(asked, 9)).toEqual([bare, whole].map(toPosition));
    });
  });
}

const IDS = ['a', 'A', 'Zoë', '🚕', '\uff5e', "o'neil", '"\\', 'x'.repeat(128)];

/** Some drivers in a city, who go about, and others elsewhere; many at the same moments. */
function past(random: Random): StoredFix[] {
  const drivers = [...IDS, ...Array.from({ length: 25 }, (_, n) => `d${n}`)];
  const fixes = new Map<string, StoredFix>();
  for (const driverId of drivers) {
    for (let n = random.below(40); n > 0; n--) {
      const timestamp = EVENING + 1_000 * random.below(600);
      const [lat, lng] = destination([0.01, 179.99], random.between(0, 360), 20_000 * random.next());
      for (const fleet of random.next() < 0.2 ? ['default', 'other'] : ['default']) {
        fixes.set(`${fleet} ${driverId} ${timestamp}`, row(driverId, { fleet, lat, lng, timestamp, speed: n }));
      }
    }
  }
  return [...fixes.values()];
}

function span(random: Random): Span {
  const from = EVENING + random.below(600_000);
  return { fleet: 'default', from, to: from + random.below(200_000) };
}

/** Both ends are included. */
function moment({ fleet, timestamp }: StoredFix): Span {
  return { fleet, from: timestamp, to: timestamp };
}

const cellOf = ({ lat, lng }: Position) => cellToParent(latLngToCell(lat, lng, 15), 6);

function someCells(random: Random, fixes: readonly StoredFix[]): string[] {
  const cells = new Set(Array.from({ length: 1 + random.below(4) }, () => cellOf(random.pick(fixes))));
  return [...cells, latLngToCell(-50, 50, 6)];
}

function toPosition({ fleet: _, ...position }: StoredFix): Position {
  return position;
}

/** The order of UTF-8 bytes. */
const byId = (a: Position, b: Position) => Buffer.compare(Buffer.from(a.driverId), Buffer.from(b.driverId));

/** The naive answers. */
function fixesOf(fixes: readonly StoredFix[], { fleet, from, to, cells }: Span, named: readonly string[]): Position[] {
  const inSpan = fixes.filter((fix) => fix.fleet === fleet && fix.timestamp >= from && fix.timestamp <= to);
  const isWanted = (id: string) =>
    named.includes(id) ||
    inSpan.some((fix) => fix.driverId === id && (cells === undefined || cells.includes(cellOf(fix))));
  return inSpan
    .filter(({ driverId }) => isWanted(driverId))
    .sort((a, b) => a.timestamp - b.timestamp || byId(a, b))
    .map(toPosition);
}

function latestOf(fixes: readonly StoredFix[], asked: Span): Position[] {
  const latest = new Map(fixesOf(fixes, asked, []).map((fix) => [fix.driverId, fix]));
  return [...latest.values()].sort(byId);
}
