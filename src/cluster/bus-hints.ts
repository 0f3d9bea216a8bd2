import type { HintChannel, HintListener } from '../auth/hints.ts';
import type { Bus } from '../bus/bus.ts';

/** Carries hints over a channel of the bus that all instances hear. */
export class BusHints implements HintChannel {
  readonly channel: string;
  readonly #bus: Bus;
  #listener: HintListener | undefined;

  constructor(bus: Bus, channel: string) {
    this.#bus = bus;
    this.channel = channel;
  }

  send(hint: Buffer): void {
    this.#bus.publish(this.channel, hint);
  }

  listen(listener: HintListener): void {
    this.#listener = listener;
    this.#bus.subscribe([this.channel]).then(
      () => listener.onMissed(),
      // It is subscribed when the bus is back, and then named as missed.
      () => {},
    );
  }

  /** Something came on the channel. */
  hear(data: Buffer): void {
    this.#listener?.onHint(data);
  }

  /** Something may have been missed. */
  missed(): void {
    this.#listener?.onMissed();
  }
}
