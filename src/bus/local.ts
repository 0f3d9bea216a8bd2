import { type Bus, BusAway, type BusListener } from './bus.ts';

/** What there is in one process alone, for tests of many instances: whatever is published on one bus is heard on all. */
export class LocalHub {
  readonly #buses = new Set<LocalBus>();
  readonly #queue: Delivery[] = [];
  #drops = 0;
  #copies = 0;
  #isShuffled = false;
  #turn: NodeJS.Immediate | undefined;

  /** Another bus of this hub. */
  bus(): LocalBus {
    const bus = new LocalBus(this);
    this.#buses.add(bus);
    return bus;
  }

  /** A bus neither hears nor is heard, and knows it. What is on its way to it is lost. */
  cut(bus: LocalBus): void {
    bus.cut();
  }

  /** It is back: what was subscribed is again, and may have missed something. */
  heal(bus: LocalBus): void {
    bus.heal();
  }

  /** Each of the next so many deliveries, of one message to one bus, gets lost without a word. */
  dropNext(count: number): void {
    this.#drops = count;
  }

  /** Each of the next so many deliveries comes twice. */
  duplicateNext(count: number): void {
    this.#copies = count;
  }

  /** What is delivered in one turn from now on comes last first; or in order again. */
  reorder(isReordered = true): void {
    this.#isShuffled = isReordered;
  }

  /** What was sent is delivered in the next turn. */
  send(channel: string, data: Buffer): void {
    for (const bus of this.#buses) {
      if (!bus.hears(channel)) continue;
      if (this.#drops > 0) {
        this.#drops--;
        continue;
      }
      const delivery = { bus, channel, data, life: bus.life };
      this.#queue.push(delivery);
      if (this.#copies > 0) {
        this.#copies--;
        this.#queue.push(delivery);
      }
    }
    if (this.#queue.length > 0) this.#turn ??= setImmediate(() => this.#deliver());
  }

  leave(bus: LocalBus): void {
    this.#buses.delete(bus);
  }

  #deliver(): void {
    this.#turn = undefined;
    const deliveries = this.#queue.splice(0);
    if (this.#isShuffled) deliveries.reverse();
    for (const { bus, channel, data, life } of deliveries) bus.deliver(channel, data, life);
  }
}

interface Delivery {
  readonly bus: LocalBus;
  readonly channel: string;
  readonly data: Buffer;
  /** {@link LocalBus.life} of when it was sent. */
  readonly life: number;
}

/** A bus that reaches those of the same {@link LocalHub}, and behaves as one over a network does. */
export class LocalBus implements Bus {
  readonly #hub: LocalHub;
  readonly #wanted = new Set<string>();
  readonly #unsent = new Set<string>();
  #listener: BusListener | undefined;
  #isUp = false;
  #isCut = false;
  #isClosed = false;
  #turn: NodeJS.Immediate | undefined;
  /** Counts the times that it was cut: what was sent in another is not delivered. */
  life = 0;

  constructor(hub: LocalHub) {
    this.#hub = hub;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
    this.#soon();
  }

  publish(channel: string, data: Buffer): void {
    if (this.#isClosed) return;
    if (this.#isCut) {
      this.#unsent.add(channel);
      this.#soon();
    } else {
      this.#hub.send(channel, data);
    }
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    if (this.#isClosed) throw new BusAway('The bus is closed');
    for (const channel of channels) this.#wanted.add(channel);
    if (this.#isCut) throw new BusAway('The bus is cut');
    const life = this.life;
    await new Promise(setImmediate);
    if (life !== this.life) throw new BusAway('The bus was cut');
  }

  unsubscribe(channels: readonly string[]): void {
    for (const channel of channels) this.#wanted.delete(channel);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isUp = false;
    this.life++;
    this.#hub.leave(this);
    clearImmediate(this.#turn);
  }

  hears(channel: string): boolean {
    return !this.#isCut && this.#wanted.has(channel);
  }

  deliver(channel: string, data: Buffer, life: number): void {
    // Unsubscribed or cut meanwhile.
    if (life === this.life && this.hears(channel)) this.#listener?.onMessage(channel, data);
  }

  /** See {@link LocalHub.cut}; the listener is told before this returns. */
  cut(): void {
    if (this.#isCut || this.#isClosed) return;
    this.#isCut = true;
    this.life++;
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#listener?.onDown();
  }

  /** See {@link LocalHub.heal}; the listener is told before this returns. */
  heal(): void {
    if (!this.#isCut || this.#isClosed) return;
    this.#isCut = false;
    this.#rise();
  }

  #rise(): void {
    if (this.#isUp || this.#isCut || this.#listener === undefined) return;
    this.#isUp = true;
    // Before it was cut nothing was missed.
    if (this.life > 0 && this.#wanted.size > 0) this.#listener.onLost([...this.#wanted]);
    this.#listener.onUp();
  }

  /** In the next turn the listener is told what is due. */
  #soon(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      if (this.#unsent.size > 0) {
        const channels = [...this.#unsent];
        this.#unsent.clear();
        this.#listener?.onUnsent(channels);
      }
      this.#rise();
    });
  }
}
