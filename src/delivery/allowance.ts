/** What may be sent in a second. 0: any number. */
export interface Rates {
  readonly messages: number;
  readonly bytes: number;
}

/** Where nothing is limited: finite, as what is left is multiplied by times that may be zero. */
const ANY = 1e15;
/** Who has to wait waits at least so long, milliseconds, so that a flood is not a timer for each message. */
const SHORTEST = 50;

/**
 * What one connection may still send: a token bucket each of messages and bytes, which hold as much as of a second. They are
 * filled only when one is empty, so a message costs two subtractions and no look at a clock; in return, who was quiet may send
 * up to twice as much at once. What goes beyond becomes a debt, which is waited for.
 */
export class Allowance {
  readonly #messagesPerSecond: number;
  readonly #bytesPerSecond: number;
  #messages: number;
  #bytes: number;
  /** When they were filled. */
  #filled: number;

  /** @param now milliseconds of a clock that never goes back, here and below */
  constructor({ messages, bytes }: Rates, now: number) {
    this.#messagesPerSecond = messages || ANY;
    this.#bytesPerSecond = bytes || ANY;
    this.#messages = this.#messagesPerSecond;
    this.#bytes = this.#bytesPerSecond;
    this.#filled = now;
  }

  /** Of which there is too little, once they are filled. */
  get short(): 'messages' | 'bytes' {
    return this.#messages / this.#messagesPerSecond < this.#bytes / this.#bytesPerSecond ? 'messages' : 'bytes';
  }

  /** Takes a message; whether there is enough, as far as is known without a clock. */
  spend(bytes: number): boolean {
    this.#messages--;
    this.#bytes -= bytes;
    return this.#messages >= 0 && this.#bytes >= 0;
  }

  /** Fills them with what time has brought; milliseconds until there is enough, 0 when there is. */
  wait(now: number): number {
    const seconds = (now - this.#filled) / 1000;
    this.#filled = now;
    const { messages, bytes } = this.#fill(seconds);
    const debt = Math.max(-messages / this.#messagesPerSecond, -bytes / this.#bytesPerSecond);
    return debt <= 0 ? 0 : debt * 1000 + SHORTEST;
  }

  #fill(seconds: number): { messages: number; bytes: number } {
    this.#messages = Math.min(this.#messagesPerSecond, this.#messages + seconds * this.#messagesPerSecond);
    this.#bytes = Math.min(this.#bytesPerSecond, this.#bytes + seconds * this.#bytesPerSecond);
    return { messages: this.#messages, bytes: this.#bytes };
  }
}
