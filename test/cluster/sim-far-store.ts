import type { Circle } from '../../src/geo/circle.ts';
import type { Region } from '../../src/geo/region.ts';
import type { ColdConditions, ColdPositions } from '../../src/store/cold-positions.ts';
import type { MemoryStore } from '../../src/store/memory.ts';
import { MemoryPositions } from '../../src/store/memory-positions.ts';
import { type Entry, StoreUnavailable } from '../../src/store/store.ts';

/** How the way to the store is, from now on; milliseconds by the test's clock. */
export interface Road {
  /** The store does not answer. */
  isAway: boolean;
  /** How long a commit takes. */
  commit(): number;
  /** How long a question takes to get to the store, and its answer (by rows, one after the other) to come back. */
  ask(): number;
  answer(): number;
  /** Whether a question fails. */
  fails(): boolean;
}

/** A store that many instances share, as one of them sees it: somewhat away, and for some time at all. */
export class FarStore implements ColdPositions {
  /** The process that has it was killed: what it wrote and was not committed never will be. */
  isDead = false;
  readonly #shared: MemoryStore;
  readonly #memory: MemoryPositions;
  readonly #road: Road;
  readonly #after: (milliseconds: number, callback: () => void) => unknown;

  constructor(shared: MemoryStore, road: Road, after: (milliseconds: number, callback: () => void) => unknown) {
    this.#shared = shared;
    this.#memory = new MemoryPositions(shared);
    this.#road = road;
    this.#after = after;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    this.#try();
    await this.#wait(this.#road.commit());
    // One that is dead hears nothing any more.
    if (this.isDead) await new Promise(() => {});
    this.#try();
    await this.#shared.write(entries);
  }

  byIds(fleet: string, driverIds: readonly string[], receivedSince: number) {
    return this.#read(() => this.#memory.byIds(fleet, driverIds, receivedSince));
  }

  async *inCells(fleet: string, cells: readonly string[], receivedSince: number) {
    const rows = await this.#read(async () => {
      const all = [];
      for await (const some of this.#memory.inCells(fleet, cells, receivedSince)) all.push(...some);
      return all;
    });
    for (const row of rows) {
      yield [row];
      await this.#wait(this.#road.answer() / 4);
      if (this.#road.fails()) throw new StoreUnavailable('in the midst of it');
    }
  }

  occupied(fleet: string, resolution: number, receivedSince: number) {
    return this.#read(() => this.#memory.occupied(fleet, resolution, receivedSince));
  }

  nearby(fleet: string, circle: Circle, limit: number, conditions: ColdConditions) {
    return this.#read(() => this.#memory.nearby(fleet, circle, limit, conditions));
  }

  within(fleet: string, region: Region | undefined, limit: number, conditions: ColdConditions, after?: string) {
    return this.#read(() => this.#memory.within(fleet, region, limit, conditions, after));
  }

  cells(
    fleet: string,
    region: Region | undefined,
    resolution: number,
    limit: number,
    conditions: ColdConditions,
    after?: string,
  ) {
    return this.#read(() => this.#memory.cells(fleet, region, resolution, limit, conditions, after));
  }

  /** What is answered is of the moment between the way there and the way back. */
  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.#try();
    await this.#wait(this.#road.ask());
    const answer = await read();
    await this.#wait(this.#road.answer());
    this.#try();
    if (this.#road.fails()) throw new StoreUnavailable('lost on its way');
    return answer;
  }

  #try(): void {
    if (this.#road.isAway) throw new StoreUnavailable('away');
  }

  /** Less than a millisecond is so many turns, which also takes some. */
  async #wait(milliseconds: number): Promise<void> {
    if (milliseconds >= 1) await new Promise<void>((resolve) => this.#after(milliseconds, resolve));
    else for (let left = milliseconds * 3; left > 0; left--) await new Promise(setImmediate);
  }
}
