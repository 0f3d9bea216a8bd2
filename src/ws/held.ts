/** Bytes of messages that may be read and wait: what a compressed chunk of a busy gateway may hold. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A message as it was read. */
export interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/**
 * What a peer had sent already when something before it began to wait (for a token's verdict, or for what other instances know):
 * it is heard once that is done, in its order.
 */
export class Held {
  #messages: Message[] | undefined;
  #bytes = 0;
  /** How many things are waited for. */
  #waits = 0;
  /** One of them is itself a message. */
  #isOfMessage = false;
  /** What is to be done when nothing waits any more. */
  #onDone: (() => unknown) | undefined;

  /** Whether something waits. */
  get isWaiting(): boolean {
    return this.#messages !== undefined;
  }

  /** Whether there is nothing else to wait for than one thing. */
  get isLast(): boolean {
    return this.#waits === 1;
  }

  /** Whether no message waits. */
  get isEmpty(): boolean {
    return this.#messages === undefined || (this.#messages.length === 0 && !this.#isOfMessage);
  }

  /** What was sent so far, and waits. */
  get messages(): readonly Message[] {
    return this.#messages ?? [];
  }

  /** @param isOfMessage what waits is to be done although the peer may be gone by then */
  begin(isOfMessage = false): void {
    this.#messages ??= [];
    this.#waits++;
    if (isOfMessage) this.#isOfMessage = true;
  }

  /** Keeps a message. @returns false: there are too many now */
  keep(data: Buffer, isBinary: boolean): boolean {
    this.#messages?.push({ data, isBinary });
    this.#bytes += data.length;
    return this.#bytes <= MAX_BYTES;
  }

  /** Has something done as soon as nothing waits any more; only the last that was asked for, if `insist`. */
  afterwards(action: () => unknown, insist: boolean): void {
    if (insist) this.#onDone = action;
    else this.#onDone ??= action;
  }

  /** What was waited for is done. @param hear takes what was held; if that has to wait, what is behind waits again */
  end(hear: (data: Buffer, isBinary: boolean) => void): void {
    this.#waits--;
    if (this.#waits > 0) return;
    const messages = this.#messages ?? [];
    this.drop();
    for (const { data, isBinary } of messages) hear(data, isBinary);
    if (this.isWaiting) return;
    this.#onDone?.();
    this.#onDone = undefined;
  }

  /** Nobody is heard any more. */
  drop(): void {
    this.#messages = undefined;
    this.#waits = 0;
    this.#isOfMessage = false;
    this.#bytes = 0;
  }
}
