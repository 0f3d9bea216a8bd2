import { BackOff } from './back-off.ts';
import { type Clock, MAX_TIMER } from './clock.ts';
import type { NearcastError } from './errors.ts';
import { renewalIn, type Tokens } from './token.ts';

/** What a renewal tells its link. */
export interface RenewalEvents {
  /** There is a new token, which the server is to be told. */
  renewed(token: string): void;
  /** There was none to be had; it is asked for again while the old one holds. */
  failed(error: NearcastError): void;
}

/** A token is not asked for more often than this, milliseconds. */
const LEAST = 1_000;

/** Asks for a new token shortly before the one of an open connection ends. */
export class Renewal {
  readonly #tokens: Tokens;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #events: RenewalEvents;
  #timer: unknown;
  #asking = false;
  /** A new token was sent, and not answered yet. */
  #unanswered = false;
  /** Counts connections: what was asked for on an older one is passed over. */
  #connection = 0;

  constructor(deps: { tokens: Tokens; clock: Clock; random: () => number }, events: RenewalEvents) {
    this.#tokens = deps.tokens;
    this.#clock = deps.clock;
    this.#backOff = new BackOff(deps.random);
    this.#events = events;
  }

  /** The server holds a token that ends after so many milliseconds. */
  endsIn(left: number, token: string): void {
    this.#unanswered = false;
    this.#backOff.reset();
    if (this.#tokens.renewable) this.#askIn(Math.max(renewalIn(left), LEAST), token);
  }

  /** The server warns that the token ends soon, as it does of one that nobody here can read, too. */
  expiring(token: string): void {
    if (this.#tokens.renewable && !this.#asking && !this.#unanswered) this.#askIn(0, token);
  }

  /** The server cannot judge now, which may be of the token that was sent: another is sent later. */
  postponed(): void {
    if (!this.#unanswered) return;
    this.#unanswered = false;
    // Even the same one is to be sent again.
    this.#askIn(Math.max(this.#backOff.next(), LEAST), '');
  }

  /** The connection is over. */
  stop(): void {
    this.#connection++;
    this.#asking = false;
    this.#unanswered = false;
    this.#clock.clearTimeout(this.#timer);
  }

  #askIn(milliseconds: number, old: string): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer =
      milliseconds > MAX_TIMER
        ? this.#clock.setTimeout(() => this.#askIn(milliseconds - MAX_TIMER, old), MAX_TIMER)
        : this.#clock.setTimeout(() => void this.#ask(old), milliseconds);
  }

  async #ask(old: string): Promise<void> {
    const connection = this.#connection;
    this.#asking = true;
    try {
      const token = await this.#tokens.ask();
      if (connection !== this.#connection) return;
      this.#asking = false;
      // The server’s answer says when this one ends.
      if (token !== old) {
        this.#unanswered = true;
        this.#events.renewed(token);
        return;
      }
    } catch (error) {
      if (connection !== this.#connection) return;
      this.#asking = false;
      this.#events.failed(error as NearcastError);
    }
    // The old one may still hold for a while; if not, the server says so.
    this.#askIn(Math.max(this.#backOff.next(), LEAST), old);
  }
}
