/** Bytes of messages that may be read and wait for a token's verdict: what a compressed chunk of a busy gateway may hold. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A message as it was read. */
interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** What a peer had sent already when a token of its began to be judged: it is heard once that is done, in its order. */
export class Held {
  #messages: Message[] | undefined;
  #bytes = 0;
  /** What is to be done when no token is judged any more. */
  #onJudged: (() => unknown) | undefined;

  /** Whether a token is being judged. */
  get isJudging(): boolean {
    return this.#messages !== undefined;
  }

  get isEmpty(): boolean {
    return this.#messages === undefined || this.#messages.length === 0;
  }

  begin(): void {
    this.#messages = [];
  }

  /** Keeps a message. @returns false: there are too many now */
  keep(data: Buffer, isBinary: boolean): boolean {
    this.#messages?.push({ data, isBinary });
    this.#bytes += data.length;
    return this.#bytes <= MAX_BYTES;
  }

  /** Has something done as soon as no token is judged any more; only the last that was asked for, if `insist`. */
  afterwards(action: () => unknown, insist: boolean): void {
    if (insist) this.#onJudged = action;
    else this.#onJudged ??= action;
  }

  /** A token was judged. @param hear takes what was held; if that brings another token, what is behind waits again */
  end(hear: (data: Buffer, isBinary: boolean) => void): void {
    const messages = this.#messages ?? [];
    this.drop();
    for (const { data, isBinary } of messages) hear(data, isBinary);
    if (this.isJudging) return;
    this.#onJudged?.();
    this.#onJudged = undefined;
  }

  /** Nobody is heard any more. */
  drop(): void {
    this.#messages = undefined;
    this.#bytes = 0;
  }
}
