/** What is taken off a backlog at a time. */
export interface Batch {
  readonly events: readonly string[];
  /** When what each tells of was received: epoch milliseconds. */
  readonly times: readonly number[];
}

/** Characters that keeping an event takes beside its own, about. */
const OVERHEAD = 64;

/** Events in their order, of which the oldest give way when there are too many, or they are too long together. */
export class Backlog {
  readonly #maxEvents: number;
  readonly #maxSize: number;
  #events: string[] = [];
  #times: number[] = [];
  /** Where the oldest is; those before are gone. */
  #head = 0;
  #size = 0;

  /** @param maxSize characters, each of which takes a byte, or two where one of its event is not of Latin-1 */
  constructor(maxEvents: number, maxSize: number) {
    this.#maxEvents = maxEvents;
    this.#maxSize = maxSize;
  }

  get length(): number {
    return this.#events.length - this.#head;
  }

  /**
   * Puts an event last.
   *
   * @param at when what it tells of was received: epoch milliseconds
   * @param onDropped gets that of each that gives way
   */
  push(event: string, at: number, onDropped: (at: number) => void): void {
    this.#events.push(event);
    this.#times.push(at);
    this.#size += event.length + OVERHEAD;
    while (this.length > this.#maxEvents || this.#size > this.#maxSize) onDropped(this.#shift());
    this.#cut();
  }

  /** Takes off the oldest: some, but no more than so many, or than one with so many characters. */
  take(maxEvents: number, maxSize: number): Batch {
    const begin = this.#head;
    let end = begin;
    for (let size = 0; end < this.#events.length && end - begin < maxEvents && size < maxSize; end++) {
      size += this.#events[end].length;
    }
    const batch = { events: this.#events.slice(begin, end), times: this.#times.slice(begin, end) };
    while (this.#head < end) this.#shift();
    this.#cut();
    return batch;
  }

  #shift(): number {
    this.#size -= this.#events[this.#head].length + OVERHEAD;
    // Let go of now: the lists are cut only now and then.
    this.#events[this.#head] = '';
    return this.#times[this.#head++];
  }

  /** Cuts off what is gone, each time it is more than what is left: a constant cost for each. */
  #cut(): void {
    if (this.#head * 2 <= this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#times = this.#times.slice(this.#head);
    this.#head = 0;
  }
}
