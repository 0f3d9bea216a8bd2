import { cellToParent, latLngToCell } from 'h3-js';
import type { Circle } from '../../src/geo/circle.ts';
import { toArea } from '../subscriptions/areas.ts';
import type { Question } from '../subscriptions/model.ts';
import type { PlainSight } from '../subscriptions/seen-fleet.ts';
import { trueDistance } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';
import type { Instance } from './sim-instance.ts';
import { answerOf, followedOf, isSame, type Shown, type Truth } from './sim-truth.ts';
import { sightOf } from './sim-watcher.ts';

type Drivers = ReturnType<Truth['drivers']>;

const MILLIMETRE = 1e-3;

/**
 * Asks an instance in every way there is.
 *
 * @param circle for who is near
 * @param drivers who is where; absent: any answer will do @throws when an answer is wrong
 */
export async function askAll(
  instance: Instance,
  question: Question,
  circle: Extract<Question['area'], { kind: 'circle' }>,
  plain: PlainSight,
  drivers: Drivers | undefined,
  now: () => number,
  random: Random,
): Promise<void> {
  const { reads } = instance;
  const sight = sightOf(plain);
  const area = toArea(question.area);
  const limit = random.pick([2, 100]);
  const resolution = random.below(9);
  const driverId = `d${random.below(24)}`;
  const what = `asked at ${instance.number} ${JSON.stringify({ question, plain })}`;
  const nearby = await reads.nearby(sight, toArea(circle) as Circle, limit, question);
  if (drivers !== undefined) {
    const answer = answerOf(drivers, { ...question, area: circle }, plain, now());
    judgeNearby(nearby, answer, circle, limit, `near ${JSON.stringify(circle)} ${what}`);
  }
  const one = await reads.driver(sight, driverId);
  if (drivers !== undefined) {
    const must = answerOf(drivers, { area: { kind: 'everywhere' } }, plain, now()).get(driverId);
    if (must?.state === 'in' && one === undefined) throw new Error(`${driverId} is not found, ${what}`);
    if (one !== undefined) judgeOne(one, must, what);
  }
  const found: { readonly id: string; readonly position: Shown['position'] }[] = [];
  for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const page = await reads.within(sight, area, question, limit, after);
    if (page === undefined) {
      if (drivers !== undefined && followedOf(drivers, question, plain)?.state === 'in') {
        throw new Error(`nothing is known of whom it goes around, ${what}`);
      }
      return;
    }
    found.push(...page.drivers);
    after = page.next;
  }
  const counts = new Map<string, number>();
  for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const page = await reads.cells(sight, area, resolution, question, limit, after);
    if (page === undefined) break;
    for (const { cell, count } of page.cells) counts.set(cell, count);
    after = page.next;
  }
  if (drivers === undefined) return;
  const answer = answerOf(drivers, question, plain, now());
  judgeAll(found, answer, what);
  judgeCells(counts, answer, resolution, what);
}

function judgeOne(
  { id, position }: { readonly id: string; readonly position: Shown['position'] },
  must: Shown | undefined,
  what: string,
): void {
  if (must === undefined) throw new Error(`${id} is found ${JSON.stringify(position)}, ${what}`);
  if (isSame(position, must.position)) return;
  throw new Error(`${id} is ${JSON.stringify(position)} instead of ${JSON.stringify(must.position)}, ${what}`);
}

function judgeAll(
  found: readonly { readonly id: string; readonly position: Shown['position'] }[],
  answer: ReadonlyMap<string, Shown>,
  what: string,
): void {
  for (const driver of found) judgeOne(driver, answer.get(driver.id), what);
  const ids = new Set(found.map(({ id }) => id));
  if (ids.size < found.length) throw new Error(`somebody is found twice, ${what}`);
  for (const [driverId, { state }] of answer) {
    if (state === 'in' && !ids.has(driverId)) throw new Error(`${driverId} is not found, ${what}`);
  }
}

function judgeNearby(
  { drivers, distances, truncated }: Awaited<ReturnType<Instance['reads']['nearby']>>,
  answer: ReadonlyMap<string, Shown>,
  { lat, lng }: { readonly lat: number; readonly lng: number },
  limit: number,
  what: string,
): void {
  for (const [i, driver] of drivers.entries()) {
    judgeOne(driver, answer.get(driver.id), what);
    const far = trueDistance(lat, lng, driver.position.lat, driver.position.lng);
    if (Math.abs(far - distances[i]) > MILLIMETRE) throw new Error(`${driver.id} is ${far} m away, ${what}`);
    if (i > 0 && distances[i] < distances[i - 1]) throw new Error(`not the nearest first, ${what}`);
  }
  const ids = new Set(drivers.map(({ id }) => id));
  if (truncated && ids.size !== limit) throw new Error(`${ids.size} are found of ${limit}, ${what}`);
  const last = truncated ? distances[distances.length - 1] : Number.POSITIVE_INFINITY;
  for (const [driverId, shown] of answer) {
    if (shown.state !== 'in' || ids.has(driverId)) continue;
    if (trueDistance(lat, lng, shown.lat, shown.lng) < last - MILLIMETRE) {
      throw new Error(`${driverId} is not found, ${what}`);
    }
  }
}

function judgeCells(
  counts: ReadonlyMap<string, number>,
  answer: ReadonlyMap<string, Shown>,
  resolution: number,
  what: string,
): void {
  const least = new Map<string, number>();
  const most = new Map<string, number>();
  for (const { lat, lng, state } of answer.values()) {
    const cell = cellToParent(latLngToCell(lat, lng, 15), resolution);
    most.set(cell, (most.get(cell) ?? 0) + 1);
    if (state === 'in') least.set(cell, (least.get(cell) ?? 0) + 1);
  }
  for (const [cell, count] of counts) {
    if (count > (most.get(cell) ?? 0)) throw new Error(`${count} are counted in ${cell}, ${what}`);
  }
  for (const [cell, count] of least) {
    if ((counts.get(cell) ?? 0) < count) throw new Error(`${counts.get(cell)} are counted in ${cell}, ${what}`);
  }
}
