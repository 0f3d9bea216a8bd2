import type { Attributes, Position } from '../../src/fix.ts';
import { MemoryReplays } from '../../src/store/memory-replays.ts';
import type { AskedArea } from '../support/areas.ts';
import { destination, type Place, trueDistance } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';

export const TTL = 300_000;
export const DAWN = Date.UTC(2026, 0, 31);

/** A fix as it is kept. */
export interface Kept extends Position {
  readonly fleet: string;
}

/** A fix with all that is required, and what the test asks for. */
export function kept(driverId: string, [lat, lng]: Place, timestamp: number, more: Partial<Kept> = {}): Kept {
  return { fleet: 'default', driverId, lat, lng, timestamp, receivedAt: timestamp + 200, ...more };
}

export interface DayOptions {
  readonly drivers: number;
  readonly from: number;
  readonly to: number;
  /** Metres about the centre within which they go; the least and the most seconds between two fixes. */
  readonly reach?: number;
  readonly pause?: readonly [number, number];
}

const STATUS: readonly (Attributes | undefined)[] = [{ status: 'free' }, { status: 'busy', seats: 4 }, undefined];

/**
 * What drivers did: each goes from place to place, stands still, says nothing for a while, for so long that it is stale, or
 * is suddenly elsewhere; some of the fixes were received long after. In no order.
 */
export function madeUpDay(
  random: Random,
  centre: Place,
  { drivers, from, to, reach = 30_000, pause = [3, 90] }: DayOptions,
): Kept[] {
  const somewhere = () => destination(centre, random.between(0, 360), reach * random.next() ** 2);
  const fixes: Kept[] = [];
  for (let n = 0; n < drivers; n++) {
    let place = somewhere();
    let goal = somewhere();
    let attributes = random.pick(STATUS);
    const speed = random.between(5, 40);
    let time = from - TTL + random.below(2 * TTL);
    while (time < to + TTL) {
      const isLate = random.next() < 0.1;
      const receivedAt = time + (isLate ? random.below(7_200_000) : random.below(2_000));
      fixes.push(kept(`d${n}`, place, time, { receivedAt, speed, ...(attributes && { attributes }) }));
      let seconds = random.between(...pause);
      const chance = random.next();
      if (chance < 0.01) seconds += random.between(0, 3 * (TTL / 1000));
      else if (chance < 0.015) place = somewhere();
      else if (chance < 0.03) attributes = random.pick(STATUS);
      const left = trueDistance(...place, ...goal);
      if (left < speed * seconds) goal = somewhere();
      else if (random.next() < 0.8) place = towards(place, goal, (speed * seconds) / left);
      time += Math.ceil(seconds * 1000);
    }
  }
  return shuffled(fixes, random);
}

/** A part of the way, the short way round. */
function towards([lat, lng]: Place, [toLat, toLng]: Place, part: number): Place {
  const east = ((toLng - lng + 540) % 360) - 180;
  const on = lng + part * east;
  return [lat + part * (toLat - lat), ((on + 540) % 360) - 180];
}

function shuffled<T>(list: T[], random: Random): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

/** What is asked about the drivers of an area. */
export interface Asked {
  readonly area: AskedArea;
  readonly status?: string;
  /** Seconds. */
  readonly maxAge?: number;
}

/** The naive answer: looks at every driver's list of fixes. */
export class Truth {
  readonly #tracks = new Map<string, Kept[]>();

  constructor(fixes: readonly Kept[]) {
    for (const fix of fixes) {
      const track = this.#tracks.get(fix.driverId);
      if (track === undefined) this.#tracks.set(fix.driverId, [fix]);
      else track.push(fix);
    }
    for (const track of this.#tracks.values()) track.sort((a, b) => a.timestamp - b.timestamp);
  }

  /** The newest fix until then of each driver that was not stale. */
  at(time: number, ttl = TTL): Map<string, Kept> {
    const known = new Map<string, Kept>();
    for (const [driverId, track] of this.#tracks) {
      const newest = track.findLast(({ timestamp }) => timestamp <= time);
      if (newest !== undefined && newest.timestamp >= time - ttl) known.set(driverId, newest);
    }
    return known;
  }

  inside({ area, status, maxAge = Number.POSITIVE_INFINITY }: Asked, time: number): Map<string, Kept> {
    const known = this.at(time);
    const places = new Map([...known].map(([id, { lat, lng }]) => [id, [lat, lng] as Place]));
    for (const [id, { attributes, timestamp, lat, lng }] of known) {
      const meets = (status === undefined || attributes?.status === status) && timestamp >= time - 1000 * maxAge;
      if (!meets || !area.holds([lat, lng], places)) known.delete(id);
    }
    return known;
  }
}

export function sourceOf(fixes: readonly Kept[]): MemoryReplays {
  const fleets = new Map<string, Kept[]>();
  for (const fix of fixes) {
    if (!fleets.has(fix.fleet)) fleets.set(fix.fleet, []);
    fleets.get(fix.fleet)?.push(fix);
  }
  return new MemoryReplays({ fixesOf: (fleet) => fleets.get(fleet) ?? [] });
}
