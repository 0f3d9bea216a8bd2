import { cellToLatLng, latLngToCell } from 'h3-js';
import type { Position } from '../../src/fix.ts';
import type { Where } from '../../src/subscriptions/where.ts';
import { type Place, type Side, sideOf } from '../subscriptions/areas.ts';
import type { Question } from '../subscriptions/model.ts';
import type { PlainSight } from '../subscriptions/seen-fleet.ts';
import { TTL } from './sim-instance.ts';

/** Milliseconds by which clocks that look once a second may be late. */
export const LEEWAY = 2_500;

/** Where a driver is, by what was accepted of it. */
interface Known {
  readonly position: Position;
  /** `either`: it may be stale. */
  readonly state: 'in' | 'either';
}

/** A driver as somebody must be told of it. */
export interface Shown extends Place {
  readonly state: 'in' | 'either';
  readonly position: Position;
}

/** What became of all drivers of a fleet, by what its instances said that they took in, and by nothing that they hold. */
export class Truth {
  /** By driver and timestamp. */
  readonly #accepted = new Map<string, Position[]>();
  readonly #stored = new Map<string, Position[]>();
  readonly #removedAt = new Map<string, number>();
  readonly #heardAt = new Map<string, number>();

  /** Some instance accepted a fix. */
  accepted(position: Position): void {
    const key = `${position.driverId} ${position.timestamp}`;
    const known = this.#accepted.get(key);
    if (known === undefined) this.#accepted.set(key, [position]);
    else known.push(position);
  }

  /** It was acknowledged that a fix is stored: one of those that were accepted. */
  stored(driverId: string, timestamp: number): void {
    let known = this.#stored.get(driverId);
    if (known === undefined) {
      known = [];
      this.#stored.set(driverId, known);
    }
    known.push(...(this.#accepted.get(`${driverId} ${timestamp}`) ?? []));
  }

  /** Something was received of a driver. */
  heard(driverId: string, at: number): void {
    this.#heardAt.set(driverId, at);
  }

  removed(driverId: string, at: number): void {
    this.#removedAt.set(driverId, Math.max(at, this.#removedAt.get(driverId) ?? 0));
  }

  /**
   * Who is where.
   *
   * @param rowOf what the store holds: of two with the same timestamp the first that was stored holds, whichever that was
   */
  drivers(now: number, rowOf: (driverId: string) => Position | undefined): Map<string, Known> {
    const drivers = new Map<string, Known>();
    for (const [driverId, stored] of this.#stored) {
      const removedAt = this.#removedAt.get(driverId) ?? Number.NEGATIVE_INFINITY;
      let best: Position[] = [];
      for (const position of stored.sort((a, b) => a.receivedAt - b.receivedAt)) {
        if (position.receivedAt <= removedAt) continue;
        const [known] = best;
        if (known === undefined || position.timestamp > known.timestamp || known.receivedAt < position.receivedAt - TTL)
          best = [position];
        else if (position.timestamp === known.timestamp) best.push(position);
      }
      this.#stored.set(driverId, best);
      if (best.length === 0) continue;
      const row = rowOf(driverId);
      const position = best.find((one) => row !== undefined && isSame(one, row)) ?? best[0];
      const received = Math.max(...best.map(({ receivedAt }) => receivedAt));
      if (received >= now - TTL + LEEWAY) drivers.set(driverId, { position, state: 'in' });
      else if ((this.#heardAt.get(driverId) ?? 0) >= now - TTL - LEEWAY) {
        drivers.set(driverId, { position, state: 'either' });
      }
    }
    return drivers;
  }
}

/** Equal but for when the server received it: what is sent twice may be received by two. */
export function isSame(a: Position, b: Position): boolean {
  return (
    a.lat === b.lat &&
    a.lng === b.lng &&
    a.timestamp === b.timestamp &&
    a.heading === b.heading &&
    // None, and none that has a key, are one and the same.
    JSON.stringify(a.attributes ?? {}) === JSON.stringify(b.attributes ?? {})
  );
}

/** What is known of the driver that a question goes around, and where it is seen. */
export function followedOf(drivers: ReadonlyMap<string, Known>, { area }: Question, sight: PlainSight) {
  if (area.kind !== 'around') return undefined;
  const known = drivers.get(area.driverId);
  return known && show(known, sight);
}

/** The naive answer to a question of somebody who may see a part, by driverId. */
export function answerOf(
  drivers: ReadonlyMap<string, Known>,
  question: Question,
  sight: PlainSight,
  now: number,
): Map<string, Shown> {
  const { area, where, maxAge } = question;
  const centre = followedOf(drivers, question, sight);
  const answer = new Map<string, Shown>();
  for (const [driverId, known] of drivers) {
    const shown = show(known, sight);
    if (shown === undefined || !meets(known.position, where)) continue;
    const sides: Side[] = [shown.state, sideOf(area, shown, centre), ageOf(known.position, maxAge, now)];
    if (centre?.state === 'either') sides.push('either');
    if (sides.includes('out')) continue;
    answer.set(driverId, { ...shown, state: sides.includes('either') ? 'either' : 'in' });
  }
  return answer;
}

function show({ position, state }: Known, { driverId, precision, bounds }: PlainSight): Shown | undefined {
  if (driverId !== undefined && driverId !== position.driverId) return undefined;
  let { lat, lng } = position;
  let told = position;
  if (precision !== undefined) {
    [lat, lng] = cellToLatLng(latLngToCell(lat, lng, precision));
    const { timestamp, receivedAt, attributes } = position;
    told = { driverId: position.driverId, lat, lng, timestamp, receivedAt, attributes };
  }
  const side = bounds === undefined ? 'in' : sideOf({ kind: 'circle', ...bounds }, { lat, lng });
  if (side === 'out') return undefined;
  return { lat, lng, position: told, state: side === 'in' ? state : 'either' };
}

function ageOf({ timestamp }: Position, maxAge: number | undefined, now: number): Side {
  if (maxAge === undefined) return 'in';
  const left = timestamp - (now - 1000 * maxAge);
  return left > LEEWAY ? 'in' : left < -LEEWAY ? 'out' : 'either';
}

function meets({ attributes }: Position, where: Where | undefined): boolean {
  return Object.entries(where ?? {}).every(
    ([key, allowed]) => attributes !== undefined && [allowed].flat().map(String).includes(String(attributes[key])),
  );
}
