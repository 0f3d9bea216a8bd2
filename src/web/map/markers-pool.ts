import type { Position } from '../../client/index.ts';
import { ahead, glideAfter, LONGEST_TURN, turnBetween } from './markers-glide.ts';
import { eastOf, eastward, southOf, WORLD } from './markers-mercator.ts';

/** Words of 32 bits that a driver takes. */
export const WORDS = 8;
/** Where in them what is; the vertex shader reads the same. Times are milliseconds after {@link MarkerPool.epoch}. */
const FROM_EAST = 0;
const FROM_SOUTH = 1;
const TO_EAST = 2;
const TO_SOUTH = 3;
const STARTED_AT = 4;
const RECEIVED_AT = 5;
/** Duration of the glide (16 bits, milliseconds), colour (8), flags (8). */
const LOOK = 6;
/** Heading when the glide began (16 bits) and how far it turns (16, signed), in 1/64 degrees. */
const HEADING = 7;

export const HEADED = 1;
export const GHOST = 2;

const DEGREE = 64;
/** Farther than this east or south, about 10 km at the equator, nobody drove in the time of a glide: such a one is put there at once. */
const LEAP = WORLD / 4096;
/** Times are bounded to this many milliseconds (12 days) before and after the epoch, which follows the clock by half of it. */
const TIMES = 2 ** 30;

/**
 * What is known of every driver on the map, in the form in which the graphics card takes it: eight words each, side by
 * side; the place of one who is removed goes to the last one. Nothing is allocated for a driver who moves.
 */
export class MarkerPool {
  #words: Int32Array<ArrayBuffer>;
  #places: Uint32Array<ArrayBuffer>;
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();
  #epoch = 0;
  #changedFrom = 0;
  #changedTo = 0;
  readonly #drawn = { east: 0, south: 0, heading: Number.NaN };

  constructor(capacity = 1024) {
    this.#words = new Int32Array(capacity * WORDS);
    this.#places = new Uint32Array(this.#words.buffer);
  }

  get size(): number {
    return this.#ids.length;
  }

  /** The words of all, and room for more; another array when it has grown. */
  get words(): Int32Array<ArrayBuffer> {
    return this.#words;
  }

  /** The same, unsigned. */
  get places(): Uint32Array<ArrayBuffer> {
    return this.#places;
  }

  /** Epoch milliseconds that times are counted from. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The first slot that has changed since {@link settle}, and the one after the last. */
  get changed(): readonly [from: number, to: number] {
    return [this.#changedFrom, Math.min(this.#changedTo, this.size)];
  }

  /** What has changed is known. */
  settle(): void {
    this.#changedFrom = this.#changedTo = 0;
  }

  slotOf(driverId: string): number | undefined {
    return this.#slots.get(driverId);
  }

  idOf(slot: number): string {
    return this.#ids[slot];
  }

  /**
   * Puts a driver, or has it glide to where it is from where it is drawn now. A position of no place is passed over.
   *
   * @returns the milliseconds that the glide takes, 0 for none
   */
  put(position: Position, colour: number, now: number, glides: boolean): number {
    if (!Number.isFinite(position.latitude) || !Number.isFinite(position.longitude)) return 0;
    this.follow(now);
    const slot = this.#slots.get(position.driverId);
    return slot === undefined ? this.#add(position, colour, now) : this.#move(slot, position, colour, now, glides);
  }

  /** Has a driver be a ghost. */
  ghost(driverId: string): boolean {
    const slot = this.#slots.get(driverId);
    if (slot === undefined) return false;
    this.#words[slot * WORDS + LOOK] |= GHOST << 24;
    this.#change(slot);
    return true;
  }

  remove(driverId: string): boolean {
    const slot = this.#slots.get(driverId);
    if (slot === undefined) return false;
    this.#slots.delete(driverId);
    const last = this.#ids.pop() as string;
    const end = this.size;
    if (slot === end) return true;
    this.#words.copyWithin(slot * WORDS, end * WORDS, (end + 1) * WORDS);
    this.#ids[slot] = last;
    this.#slots.set(last, slot);
    this.#change(slot);
    return true;
  }

  clear(): void {
    this.#ids.length = 0;
    this.#slots.clear();
    this.settle();
  }

  recolour(of: (driverId: string) => number): void {
    for (let slot = 0; slot < this.size; slot++) {
      const at = slot * WORDS + LOOK;
      this.#words[at] = (this.#words[at] & ~0xff0000) | (byte(of(this.#ids[slot])) << 16);
      this.#change(slot);
    }
  }

  /** Where and how a driver is drawn; the object is the same one each time. The heading is NaN when it is not known. */
  drawn(slot: number, now: number): { readonly east: number; readonly south: number; readonly heading: number } {
    const at = slot * WORDS;
    const age = Math.round(now - this.#epoch) - this.#words[at + STARTED_AT];
    const look = this.#words[at + LOOK];
    const duration = look & 0xffff;
    const left = ahead(age, duration);
    const east = this.#places[at + TO_EAST];
    const south = this.#places[at + TO_SOUTH];
    const drawn = this.#drawn;
    drawn.east = east - left * eastward(east, this.#places[at + FROM_EAST]);
    drawn.south = south - left * (south - this.#places[at + FROM_SOUTH]);
    drawn.heading = Number.NaN;
    if ((look >>> 24) & HEADED) {
      const heading = this.#words[at + HEADING];
      const turned = 1 - ahead(age, Math.min(duration, LONGEST_TURN));
      drawn.heading = (((heading & 0xffff) + turned * (heading >> 16)) / DEGREE + 360) % 360;
    }
    return drawn;
  }

  /**
   * Whether anybody fades between two times: `from` milliseconds after it was heard of it begins to, and `to` after it
   * is grey.
   */
  hasFaded(before: number, now: number, from: number, to: number): boolean {
    for (let at = RECEIVED_AT; at < this.size * WORDS; at += WORDS) {
      const begins = this.#epoch + this.#words[at] + from;
      const ends = begins - from + to;
      if (Math.max(begins, Math.min(ends, before)) !== Math.max(begins, Math.min(ends, now))) return true;
    }
    return false;
  }

  /** Keeps the epoch near the clock, whichever way that goes, so that times have room in their words. */
  follow(now: number): void {
    const by = this.#epoch - Math.round(now);
    if (Math.abs(by) <= TIMES / 2) return;
    this.#epoch -= by;
    for (let slot = 0; slot < this.size; slot++) {
      const at = slot * WORDS;
      this.#words[at + STARTED_AT] = bounded(this.#words[at + STARTED_AT] + by);
      this.#words[at + RECEIVED_AT] = bounded(this.#words[at + RECEIVED_AT] + by);
      this.#change(slot);
    }
  }

  #add(position: Position, colour: number, now: number): number {
    const slot = this.#ids.push(position.driverId) - 1;
    this.#slots.set(position.driverId, slot);
    if ((slot + 1) * WORDS > this.#words.length) this.#grow();
    const at = slot * WORDS;
    this.#places[at + FROM_EAST] = eastOf(position.longitude);
    this.#places[at + FROM_SOUTH] = southOf(position.latitude);
    this.#words[at + HEADING] = isHeaded(position) ? heading(position.heading, 0) : 0;
    this.#write(slot, position, colour, now, 0);
    return 0;
  }

  #move(slot: number, position: Position, colour: number, now: number, glides: boolean): number {
    const at = slot * WORDS;
    const east = eastOf(position.longitude);
    const south = southOf(position.latitude);
    const gap = bounded(position.receivedAt - this.#epoch) - this.#words[at + RECEIVED_AT];
    const isSame = gap === 0 && this.#places[at + TO_EAST] === east && this.#places[at + TO_SOUTH] === south;
    const was = this.drawn(slot, now);
    let duration = glides ? glideAfter(gap) : 0;
    // Told once more: it goes on as it went.
    if (isSame) duration = this.#remaining(slot, now);
    if (Math.abs(eastward(east, was.east)) > LEAP || Math.abs(south - was.south) > LEAP) duration = 0;
    this.#places[at + FROM_EAST] = duration === 0 ? east : Math.round(was.east) >>> 0;
    this.#places[at + FROM_SOUTH] = duration === 0 ? south : Math.round(was.south);
    if (isHeaded(position)) {
      const turns = duration > 0 && !Number.isNaN(was.heading);
      this.#words[at + HEADING] = turns
        ? heading(was.heading, turnBetween(was.heading, position.heading))
        : heading(position.heading, 0);
    }
    this.#write(slot, position, colour, now, duration);
    return duration;
  }

  #write(slot: number, position: Position, colour: number, now: number, duration: number): void {
    const at = slot * WORDS;
    this.#places[at + TO_EAST] = eastOf(position.longitude);
    this.#places[at + TO_SOUTH] = southOf(position.latitude);
    this.#words[at + STARTED_AT] = bounded(now - this.#epoch);
    this.#words[at + RECEIVED_AT] = bounded(position.receivedAt - this.#epoch);
    this.#words[at + LOOK] = duration | (byte(colour) << 16) | ((isHeaded(position) ? HEADED : 0) << 24);
    this.#change(slot);
  }

  /** Milliseconds that are left of a driver's glide. */
  #remaining(slot: number, now: number): number {
    const at = slot * WORDS;
    const duration = this.#words[at + LOOK] & 0xffff;
    return Math.round(duration * ahead(Math.round(now - this.#epoch) - this.#words[at + STARTED_AT], duration));
  }

  #change(slot: number): void {
    if (this.#changedTo === 0) this.#changedFrom = slot;
    if (slot < this.#changedFrom) this.#changedFrom = slot;
    if (slot >= this.#changedTo) this.#changedTo = slot + 1;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#places = new Uint32Array(words.buffer);
  }
}

function isHeaded(position: Position): position is Position & { heading: number } {
  return position.heading !== undefined && Number.isFinite(position.heading);
}

function heading(from: number, turn: number): number {
  const whole = ((Math.round(from * DEGREE) % (360 * DEGREE)) + 360 * DEGREE) % (360 * DEGREE);
  return whole | (Math.round(turn * DEGREE) << 16);
}

function byte(colour: number): number {
  return Math.max(0, Math.min(255, Math.trunc(colour))) || 0;
}

function bounded(time: number): number {
  return Math.max(-TIMES, Math.min(TIMES, Math.round(time)));
}
