import { compareIds } from '../../src/compare-ids.ts';
import type { Position } from '../../src/fix.ts';
import { Box } from '../../src/geo/box.ts';
import { Circle } from '../../src/geo/circle.ts';
import { distance } from '../../src/geo/distance.ts';
import { Polygon } from '../../src/geo/polygon.ts';
import type { Region } from '../../src/geo/region.ts';
import { encodePosition } from '../../src/protocol/position.ts';
import type { ColdConditions } from '../../src/store/cold-positions.ts';
import type { StoredFix } from '../../src/store/store.ts';
import type { Area } from '../../src/subscriptions/area.ts';
import type { Where } from '../../src/subscriptions/where.ts';
import { compileWhere } from '../../src/subscriptions/where.ts';
import { Tracker } from '../../src/tracker.ts';
import { degreesOf, named, star } from '../geo/shapes.ts';
import type { Place } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';
import { T0 } from './rows.ts';

/** When the questions are asked. */
export const NOW = T0 + 400_000;
/** Drivers of whom nothing was received since are forgotten. */
export const FRESH = NOW - 300_000;

/** What is asked of both memory and the store. */
export interface Asked {
  readonly bounds?: Circle;
  readonly where?: Where;
  readonly maxAge?: number;
}

/** The same as the store takes it. */
export function conditionsOf({ bounds, where, maxAge }: Asked): ColdConditions {
  const since = maxAge === undefined ? undefined : NOW - 1000 * maxAge;
  return { receivedSince: FRESH, where: compileWhere(where), since, bounds };
}

/** So many drivers at places; some of them stale, some with no attributes, in no order. */
export function driversAt(random: Random, count: number, at: (random: Random) => Place, fleet = 'f'): StoredFix[] {
  return Array.from({ length: count }, (_, n) => {
    const [lat, lng] = at(random);
    const timestamp = NOW - random.below(200_000);
    return {
      fleet,
      driverId: `${random.pick(['', 'Ü', '運', '🚕', '~'])}${(n * 7919) % count}`,
      lat,
      lng,
      timestamp,
      receivedAt: random.below(10) === 0 ? FRESH - random.below(2) : NOW - random.below(100_000),
      ...(random.below(3) === 0 ? { speed: random.next() } : {}),
      ...(random.below(3) === 0
        ? {}
        : { attributes: { status: random.pick(['free', 'busy']), seats: random.below(9) } }),
    };
  });
}

/** A tracker that holds those who are not stale: the judge. */
export async function trackerOf(drivers: readonly StoredFix[]): Promise<Tracker> {
  const tracker = new Tracker({
    writer: { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} },
    now: () => NOW,
    instance: 'i',
    encode: encodePosition,
    ttlSeconds: 300,
    maxFutureSeconds: 30,
  });
  const fresh = drivers.filter(({ receivedAt }) => receivedAt >= FRESH);
  await tracker.restore(
    (async function* () {
      yield fresh;
    })(),
  );
  return tracker;
}

/** Something asked of a driver now and then. */
export function someConditions(random: Random, around: Place, metres: number): Asked {
  return {
    ...(random.below(3) === 0 ? { bounds: new Circle(...around, metres * 2 * random.next()) } : {}),
    ...(random.below(3) === 0 ? { where: { status: random.pick(['free', ['free', 'busy'], 'none']) } } : {}),
    ...(random.below(4) === 0 ? { maxAge: random.below(250) } : {}),
  };
}

/** A circle around a place: of radius 0, with somebody on its rim, or any. */
export function someCircle(random: Random, [lat, lng]: Place, drivers: readonly StoredFix[]): Circle {
  const kind = random.below(4);
  if (kind === 0) return new Circle(lat, lng, 0);
  if (kind > 1) return new Circle(lat, lng, 10 ** random.between(0, 7.3));
  const { lat: toLat, lng: toLng } = random.pick(drivers);
  return new Circle(lat, lng, distance(lat, lng, toLat, toLng));
}

/** An area about a place, of any kind. */
export function someArea(random: Random, [lat, lng]: Place, drivers: readonly StoredFix[]): Region & Area {
  const [height, width] = degreesOf(10 ** random.between(1, 6), lat);
  const kind = random.below(3);
  if (kind === 0) return someCircle(random, [lat, lng], drivers);
  const [south, north] = [Math.max(-90, lat - height * random.next()), Math.min(90, lat + height * random.next())];
  if (kind === 1) return new Box(named(lng - width * random.next()), south, named(lng + width * random.next()), north);
  const middle = Math.max(-90 + Math.min(height, 45), Math.min(90 - Math.min(height, 45), lat));
  return new Polygon([[star(random, 3 + random.below(40), middle, lng, [Math.min(height, 45), width])]]);
}

/** Positions as they are compared: as texts, many of which are compared sooner. */
export const plain = (positions: readonly Position[]) =>
  positions.map(({ driverId, lat, lng, timestamp, receivedAt, speed, attributes }) =>
    // A database puts keys in an order of its own.
    JSON.stringify([driverId, lat, lng, timestamp, receivedAt, speed, attributes?.seats, attributes?.status]),
  );

/** In the order of ids. */
export const sorted = (positions: readonly Position[]) =>
  plain([...positions].sort((a, b) => compareIds(a.driverId, b.driverId)));
