import { type ReadonlySignal, signal } from '@preact/signals';

/** How what was pushed arrived, over the last seconds. */
export interface Delivery {
  /** Positions pushed a second. */
  readonly rate: number;
  /** Milliseconds from their receipt by the server until they were here: the median; undefined when nothing came. */
  readonly age: number | undefined;
  /** Epoch milliseconds by the server’s clock of the last message; undefined before the first. */
  readonly lastAt: number | undefined;
}

/** Over how long it is measured, milliseconds. */
const WINDOW = 4_000;
/** How often it is told, milliseconds. */
const PACE = 1_000;
/** Of so many positions in the window at the most the age is kept. */
const SAMPLES = 512;

/** Measures how old positions are when they arrive, and how many do. */
export class DeliveryGauge {
  readonly delivery: ReadonlySignal<Delivery>;
  readonly #delivery = signal<Delivery>({ rate: 0, age: undefined, lastAt: undefined });
  readonly #now: () => number;
  readonly #ages: { at: number; age: number }[] = [];
  readonly #counts: { at: number; count: number }[] = [];
  #lastAt: number | undefined;

  /** @param now the server’s clock, epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.delivery = this.#delivery;
    setInterval(() => this.#tell(), PACE);
  }

  /** One message came, with positions that the server had received at these times. */
  heard(receivedAt: readonly number[]): void {
    const at = this.#now();
    this.#lastAt = at;
    this.#counts.push({ at, count: receivedAt.length });
    // One of each message is enough where many come.
    const step = Math.max(1, Math.ceil(receivedAt.length / 8));
    for (let i = 0; i < receivedAt.length; i += step) this.#ages.push({ at, age: Math.max(0, at - receivedAt[i]) });
    if (this.#ages.length > SAMPLES) this.#ages.splice(0, this.#ages.length - SAMPLES);
  }

  #tell(): void {
    const since = this.#now() - WINDOW;
    while (this.#ages.length > 0 && this.#ages[0].at < since) this.#ages.shift();
    while (this.#counts.length > 0 && this.#counts[0].at < since) this.#counts.shift();
    const ages = this.#ages.map(({ age }) => age).sort((a, b) => a - b);
    const count = this.#counts.reduce((sum, message) => sum + message.count, 0);
    this.#delivery.value = {
      rate: (count * 1000) / WINDOW,
      age: ages[ages.length >> 1],
      lastAt: this.#lastAt,
    };
  }
}
