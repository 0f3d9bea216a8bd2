import { Link, type LinkSettings } from './link.ts';

/** Fixes sent on one connection and not yet acknowledged. */
const MAX_IN_FLIGHT = 1000;
/** Bytes handed to the socket and not yet on the wire. */
const MAX_BUFFERED = 1 << 20;

/** What the server said of a fix: `accepted`, `duplicate`, `late`, or `refused` with a code. */
export interface Answer {
  readonly verdict: string;
  readonly code?: string;
}

/**
 * Carries fixes to the server in order and sees to it that each gets its verdict: what is not acknowledged when the
 * connection is lost is sent again, in the same order.
 */
export class Lane {
  /** Fixes that were sent more than once. */
  resent = 0;
  /** Why the lane ended before its work was done. */
  failure: string | undefined;
  readonly #link: Link;
  readonly #inFlight = new Map<string, string>();
  readonly #onAnswer: (answer: Answer) => void;
  readonly #onLost: (reason: string) => void;
  #everOpen = false;
  #nextId = 0;
  #changed: (() => void)[] = [];

  /** @param signal ends all waiting when it aborts; {@link close} is still to be called */
  constructor(
    settings: LinkSettings,
    onAnswer: (answer: Answer) => void,
    onLost: (reason: string) => void,
    signal?: AbortSignal,
  ) {
    this.#onAnswer = onAnswer;
    this.#onLost = onLost;
    signal?.addEventListener('abort', () => this.#fail('stopped'), { once: true });
    this.#link = new Link(settings, {
      open: () => this.#open(),
      message: (message) => this.#hear(message),
      lost: (reason) => this.#lose(reason),
      failed: (reason) => this.#fail(reason),
      drained: () => this.#wake(),
    });
  }

  /** Times the connection was lost. */
  get losses(): number {
    return this.#link.losses;
  }

  /** Resolves when the first connection is open, or has failed. */
  async opened(): Promise<void> {
    while (!this.#everOpen && this.failure === undefined) await this.#change();
  }

  /** Sends a fix as soon as there is room for it, or not at all once the lane has failed. */
  async send(fix: Readonly<Record<string, unknown>>): Promise<void> {
    while (!this.#hasRoom()) {
      if (this.failure !== undefined) return;
      await this.#change();
    }
    const id = String(this.#nextId++);
    const text = JSON.stringify({ id, ...fix });
    this.#inFlight.set(id, text);
    this.#link.send(text);
  }

  /** Resolves when every fix has its verdict, or none will come any more. */
  async drained(): Promise<void> {
    while (this.#inFlight.size > 0 && this.failure === undefined) await this.#change();
  }

  /** Closes the connection. */
  close(): Promise<void> {
    return this.#link.close();
  }

  #hasRoom(): boolean {
    return this.#link.isOpen && this.#inFlight.size < MAX_IN_FLIGHT && this.#link.bufferedAmount < MAX_BUFFERED;
  }

  #open(): void {
    this.#everOpen = true;
    this.resent += this.#inFlight.size;
    for (const text of this.#inFlight.values()) this.#link.send(text);
    this.#wake();
  }

  #hear(message: Record<string, unknown>): void {
    const { type, id, verdict, code } = message;
    if ((type !== 'ack' && type !== 'error') || !this.#inFlight.has(String(id))) return;
    if (code === 'unavailable') {
      // The server's queue is full: the pause before a new connection is what it asks for.
      this.#link.reconnect('unavailable');
      return;
    }
    this.#inFlight.delete(String(id));
    this.#onAnswer(
      type === 'ack' && verdict !== 'refused'
        ? { verdict: String(verdict) }
        : { verdict: 'refused', code: String(code) },
    );
    this.#wake();
  }

  #lose(reason: string): void {
    if (this.#everOpen) {
      this.#onLost(reason);
      return;
    }
    // Nobody is there: rather say so than wait.
    void this.#link.close();
    this.#fail(reason);
  }

  #fail(reason: string): void {
    this.failure ??= reason;
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed.push(resolve);
    });
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }
}
