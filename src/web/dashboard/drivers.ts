import { type ReadonlySignal, signal } from '@preact/signals';
import type { Position } from '../../client/index.ts';

/** How often lists and counts follow what happens, milliseconds: a fleet that moves is read by people. */
const PACE = 400;

/** The most that went stale and are still shown. */
const MAX_GHOSTS = 500;

/** Whom the page shows: who is inside what it watches, and, greyed, who went stale there. */
export class Drivers {
  /** Grows when something has changed, some times a second at the most. */
  readonly version: ReadonlySignal<number>;
  readonly #version = signal(0);
  readonly #inside = new Map<string, Position>();
  readonly #ghosts = new Map<string, Position>();
  /** A change is to be told of. */
  #isDue = false;
  /** When one was told of last, on the clock of `performance.now()`. */
  #told = Number.NEGATIVE_INFINITY;

  constructor() {
    this.version = this.#version;
  }

  /** Who is inside, by driverId. */
  get inside(): ReadonlyMap<string, Position> {
    return this.#inside;
  }

  /** Who went stale inside, where it was last, by driverId. */
  get ghosts(): ReadonlyMap<string, Position> {
    return this.#ghosts;
  }

  /** The last that is known of a driver who is shown. */
  of(driverId: string): Position | undefined {
    return this.#inside.get(driverId) ?? this.#ghosts.get(driverId);
  }

  put(position: Position): void {
    this.#ghosts.delete(position.driverId);
    this.#inside.set(position.driverId, position);
    this.#changed();
  }

  /** It went stale: it is shown where it was. @returns who is no longer shown for its sake */
  ghost(driverId: string): string | undefined {
    const position = this.#inside.get(driverId);
    if (position === undefined) return undefined;
    this.#inside.delete(driverId);
    this.#ghosts.set(driverId, position);
    this.#changed();
    if (this.#ghosts.size <= MAX_GHOSTS) return undefined;
    const [oldest] = this.#ghosts.keys();
    this.#ghosts.delete(oldest);
    return oldest;
  }

  remove(driverId: string): void {
    this.#inside.delete(driverId);
    this.#ghosts.delete(driverId);
    this.#changed();
  }

  clear(): void {
    this.#inside.clear();
    this.#ghosts.clear();
    this.#changed();
  }

  #changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const wait = this.#told + PACE - performance.now();
    // The first of many at once is told of before anything is drawn: lists that came after others would push them away.
    if (wait <= 0) queueMicrotask(() => this.#tell());
    else setTimeout(() => this.#tell(), wait);
  }

  #tell(): void {
    this.#isDue = false;
    this.#told = performance.now();
    this.#version.value++;
  }
}
