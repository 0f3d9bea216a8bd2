import { CellTree } from '../../src/spatial/cell-tree.ts';
import type { Place } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';
import { step } from './fleets.ts';

/** First letters of ids, so that their order is neither that of arrival nor that of the slots. */
const INITIALS = ['Z', 'a', '10', '9', '_', 'driver-'];

/** A tree and, beside it, what it should hold. Equally far drivers are ordered by id. */
export class Shadow {
  readonly tree = new CellTree((a, b) => (this.#ids[a] < this.#ids[b] ? -1 : 1));
  /** The most drivers that there have been at once. */
  peak = 0;
  readonly #random: Random;
  readonly #ids: string[] = [];
  readonly #places: Place[] = [];
  /** Slots in use, in no order. */
  readonly #slots: number[] = [];
  /** Where in `#slots` a slot is; −1 for one that is free. */
  readonly #index: number[] = [];
  #born = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get slots(): readonly number[] {
    return this.#slots;
  }

  id(slot: number): string {
    return this.#ids[slot];
  }

  place(slot: number): Place {
    return this.#places[slot];
  }

  anyone(): number {
    return this.#random.pick(this.#slots);
  }

  add(place: Place): number {
    const slot = this.tree.add(place[0], place[1]);
    if ((this.#index[slot] ?? -1) >= 0) throw new Error(`slot ${slot} was given out twice`);
    this.peak = Math.max(this.peak, this.#slots.length + 1);
    // A free slot is taken before a new one is made.
    if (slot >= this.peak) throw new Error(`slot ${slot} of a fleet that never was more than ${this.peak}`);
    this.#ids[slot] = `${this.#random.pick(INITIALS)}${this.#born++}`;
    this.#places[slot] = place;
    this.#index[slot] = this.#slots.length;
    this.#slots.push(slot);
    return slot;
  }

  move(slot: number, place: Place): void {
    this.tree.move(slot, place[0], place[1]);
    this.#places[slot] = place;
  }

  remove(slot: number): void {
    this.tree.remove(slot);
    const last = this.#slots.pop() as number;
    if (last !== slot) {
      this.#slots[this.#index[slot]] = last;
      this.#index[last] = this.#index[slot];
    }
    this.#index[slot] = -1;
  }

  /** One driver goes and another comes, one reappears elsewhere, or one moves by a centimetre to 100 km. */
  stir(place: (random: Random) => Place): void {
    const random = this.#random;
    const slot = this.anyone();
    const what = random.below(10);
    if (what === 0) {
      this.remove(slot);
      this.add(place(random));
    } else if (what === 1) this.move(slot, place(random));
    else this.move(slot, step(random, this.#places[slot], 10 ** random.between(-2, 5)));
  }
}
