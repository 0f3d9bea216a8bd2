import { cellToLatLng, latLngToCell } from 'h3-js';
import { Circle } from '../../src/geo/circle.ts';
import type { Sight } from '../../src/sight.ts';
import { type Place, sideOf } from './areas.ts';
import { NaiveFleet, type Told } from './model.ts';

/** An aspect that nobody asks about ends after so long. */
const IDLE_TIME = 600_000;

/** What somebody may see of a fleet, plainly. */
export interface PlainSight {
  readonly precision?: number;
  readonly bounds?: Place & { readonly radius: number };
  readonly driverId?: string;
}

/** A naive fleet that holds of another what may be seen of it, and nothing else. */
export class SeenFleet extends NaiveFleet {
  readonly #sight: Sight;
  readonly #plain: PlainSight;
  readonly #parent: NaiveFleet;
  /** Whether the server has made an aspect of it, and when that was last asked for. Bounds alone are none. */
  #isThere = false;
  #askedAt = 0;

  constructor(parent: NaiveFleet, plain: PlainSight) {
    super(parent.name);
    this.#plain = plain;
    this.#parent = parent;
    const { bounds, ...rest } = plain;
    this.#sight = { fleet: parent.name, ...rest, bounds: bounds && new Circle(bounds.lat, bounds.lng, bounds.radius) };
  }

  override get sight(): Sight {
    return this.#sight;
  }

  override get bounds(): unknown {
    return this.#plain.bounds;
  }

  get #isAspect(): boolean {
    return this.#plain.precision !== undefined || this.#plain.driverId !== undefined;
  }

  override asked(now: number): void {
    this.#askedAt = now;
    if (this.#isThere) return;
    this.#isThere = true;
    // What is there when it begins is all that it knows.
    this.changed = [...this.#parent.drivers.keys()].some((driverId) => this.#shows(driverId));
    this.#follow();
  }

  /** A driver of the whole has another position. @param isSeen asks the server where the rim leaves it open */
  see(told: Told, now: number, isSeen: () => boolean): void {
    const { driverId } = told;
    if (this.#isThere && this.#shows(driverId)) this.changed = true;
    this.#follow();
    if (!this.#shows(driverId)) return;
    const { precision, bounds } = this.#plain;
    const seen = precision === undefined ? told : coarse(told, precision);
    const side =
      bounds === undefined ? 'in' : sideOf({ kind: 'circle', ...bounds }, { lat: seen.latitude, lng: seen.longitude });
    if (side === 'out' || (side === 'either' && !isSeen())) {
      if (this.drivers.has(driverId)) this.remove([driverId], 'left', now);
    } else this.put(seen, now);
  }

  /** Drivers of the whole are gone. */
  lose(driverIds: readonly string[], reason: 'stale' | 'offline', now: number): void {
    const before = this.changed;
    this.remove(
      driverIds.filter((driverId) => this.drivers.has(driverId)),
      reason,
      now,
    );
    this.changed = before || (this.#isThere && driverIds.some((driverId) => this.#shows(driverId)));
    this.#follow();
  }

  /** Time passed, and somebody looked. */
  tick(now: number): void {
    for (const watch of this.watches) watch.tick(now);
    if (this.watches.size > 0) this.#askedAt = now;
    else if (this.#isAspect && this.#isThere && this.#askedAt < now - IDLE_TIME) this.begin();
  }

  /** The server has forgotten it. */
  begin(): void {
    this.#isThere = false;
    this.generation++;
    this.changed = false;
    this.#follow();
  }

  #shows(driverId: string): boolean {
    return this.#plain.driverId === undefined || this.#plain.driverId === driverId;
  }

  /** Bounds alone are a matter of each question; the fleet is the whole one. */
  #follow(): void {
    if (this.#isAspect) return;
    this.generation = this.#parent.generation;
    this.changed = this.#parent.changed;
  }
}

/** What is told of a position at the centre of a cell. */
function coarse({ driverId, latitude, longitude, timestamp, receivedAt, attributes }: Told, precision: number): Told {
  const [lat, lng] = cellToLatLng(latLngToCell(latitude, longitude, precision));
  return { driverId, latitude: lat, longitude: lng, timestamp, receivedAt, attributes };
}
