import type { Bus, BusListener } from '../../src/bus/bus.ts';

export type BusEvent =
  | readonly ['message', channel: string, text: string]
  | readonly ['lost' | 'unsent', channels: readonly string[]]
  | readonly ['up' | 'down'];

/** Milliseconds within which whatever is waited for has to be, on a machine that is busy with other tests. */
const PATIENCE = 20_000;

/** Listens to a bus and writes down all that it is told; what happened is waited for, never slept for. */
export class Ear implements BusListener {
  readonly bus: Bus;
  readonly events: BusEvent[] = [];
  /** The messages as they came. */
  readonly heard: { readonly channel: string; readonly data: Buffer }[] = [];
  /** What it was told that cannot be. A listener must not throw, so that whoever has one looks here. */
  readonly contradictions: string[] = [];
  readonly #checks = new Set<() => void>();

  constructor(bus: Bus) {
    this.bus = bus;
    bus.listen(this);
  }

  onMessage(channel: string, data: Buffer): void {
    this.heard.push({ channel, data });
    this.#happened(['message', channel, data.length < 200 ? data.toString() : '…']);
  }
  onLost(channels: readonly string[]): void {
    this.#happened(['lost', [...channels]]);
  }
  onUnsent(channels: readonly string[]): void {
    this.#happened(['unsent', [...channels]]);
  }
  onUp(): void {
    this.#happened(['up']);
  }
  onDown(): void {
    this.#happened(['down']);
  }

  /** The texts that were heard on a channel. */
  texts(channel: string): string[] {
    return this.heard.filter((message) => message.channel === channel).map(({ data }) => data.toString());
  }

  /** The channels of all losses, or all that was not sent, since the event of that number. */
  told(what: 'lost' | 'unsent', since = 0): Set<string> {
    const channels = this.events.slice(since).flatMap((event) => (event[0] === what ? event[1] : []));
    return new Set(channels as string[]);
  }

  count(what: BusEvent[0]): number {
    return this.events.filter((event) => event[0] === what).length;
  }

  /** Resolves once the condition holds; it is asked again with each event. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => condition() && resolve();
    const late = setTimeout(() => {
      const last = this.events.slice(-20).map((event) => JSON.stringify(event).slice(0, 200));
      reject(new Error(`waited in vain until ${what}; the last that happened: ${last.join(' ')}`));
    }, PATIENCE);
    this.#checks.add(check);
    try {
      await promise;
    } finally {
      clearTimeout(late);
      this.#checks.delete(check);
    }
  }

  /** Something may be so now that is waited for. */
  look(): void {
    for (const check of this.#checks) check();
  }

  up(): Promise<void> {
    return this.until(() => this.bus.isUp, 'it is up');
  }

  down(): Promise<void> {
    return this.until(() => !this.bus.isUp, 'it is down');
  }

  /** Resolves once it went down and is up again, since the event of that number. */
  backSince(since: number): Promise<void> {
    const isBack = () => {
      const events = this.events.slice(since).map(([what]) => what);
      return this.bus.isUp && events.includes('down') && events.lastIndexOf('up') > events.lastIndexOf('down');
    };
    return this.until(isBack, 'it went down and is up again');
  }

  hears(channel: string, text: string): Promise<void> {
    return this.until(() => this.texts(channel).includes(text), `"${text}" is heard on ${channel}`);
  }

  #happened(event: BusEvent): void {
    // Up and down take turns, and the bus says the same of itself.
    if (event[0] === 'up' || event[0] === 'down') {
      if (this.bus.isUp !== (event[0] === 'up')) this.contradictions.push(`${event[0]}, but isUp is ${this.bus.isUp}`);
      const before = this.events.findLast(([what]) => what === 'up' || what === 'down');
      if (event[0] === (before?.[0] ?? 'down')) this.contradictions.push(`${event[0]} twice`);
    }
    this.events.push(event);
    this.look();
  }
}
