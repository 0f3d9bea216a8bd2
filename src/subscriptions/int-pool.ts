import { resized } from '../spatial/resized.ts';

const NONE = -1;
/** Room grows by half: less would be copied often, more would lie idle. */
const GROWTH = 1.5;

/**
 * Records of a few whole numbers each, side by side in one typed array: an object for each would take several times the
 * memory, and the collector would visit it. A record is known by its number.
 */
export class IntPool {
  /** The numbers of record `n` are from `stride · n`. Another array after each {@link take}; open for hot loops. */
  words: Int32Array;
  readonly #stride: number;
  #fresh = 0;
  /** The first record that was given back; its first number is the next of them. */
  #free = NONE;
  #used = 0;

  /** @param stride numbers in a record */
  constructor(stride: number, capacity = 32) {
    this.#stride = stride;
    this.words = new Int32Array(stride * capacity);
  }

  /** Records in use. */
  get used(): number {
    return this.#used;
  }

  /** A record, all of whose numbers are −1. */
  take(): number {
    let record = this.#free;
    if (record !== NONE) this.#free = this.words[this.#stride * record];
    else {
      record = this.#fresh++;
      const needed = this.#stride * this.#fresh;
      if (needed > this.words.length) {
        this.words = resized(this.words, this.#stride * Math.ceil(GROWTH * this.#fresh));
      }
    }
    this.#used++;
    this.words.fill(NONE, this.#stride * record, this.#stride * (record + 1));
    return record;
  }

  /** Gives a record back. */
  give(record: number): void {
    this.words[this.#stride * record] = this.#free;
    this.#free = record;
    this.#used--;
  }
}
