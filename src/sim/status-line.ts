import type { WriteStream } from 'node:tty';

/** A line about what goes on: refreshed in place on a terminal, and printed now and then elsewhere. */
export class StatusLine {
  readonly #stream: WriteStream | NodeJS.WritableStream;
  readonly #timer: NodeJS.Timeout;
  readonly #isTerminal: boolean;
  readonly #text: () => string;

  /**
   * @param text makes the line
   * @param seconds between two lines where the stream is no terminal
   */
  constructor(text: () => string, seconds: number, stream: WriteStream | NodeJS.WritableStream = process.stderr) {
    this.#stream = stream;
    this.#text = text;
    this.#isTerminal = 'isTTY' in stream && stream.isTTY;
    this.#timer = setInterval(() => this.#print(), this.#isTerminal ? 500 : seconds * 1000);
  }

  /** Prints something above the line. */
  above(text: string): void {
    this.#stream.write(this.#isTerminal ? `\r\x1b[K${text}\n` : `${text}\n`);
    if (this.#isTerminal) this.#print();
  }

  /** Leaves the terminal's line. */
  stop(): void {
    clearInterval(this.#timer);
    if (!this.#isTerminal) return;
    this.#print();
    this.#stream.write('\n');
  }

  #print(): void {
    if (!this.#isTerminal) {
      this.#stream.write(`${this.#text()}\n`);
      return;
    }
    // A line that wraps could not be overwritten.
    const width = (this.#stream as WriteStream).columns || 80;
    this.#stream.write(`\r\x1b[K${this.#text().slice(0, width - 1)}`);
  }
}
