import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { Belief } from '../support/belief.ts';

/** A reader of Server-Sent Events that hands on every byte, and believes what the events say. */
export class RawStream {
  readonly status: number;
  readonly belief: Belief;
  /** The id of the last event. */
  lastId: string | undefined;
  /** Resolves when it is over. */
  readonly ended: Promise<void>;
  readonly #response: IncomingMessage;
  #rest = '';
  #news = Promise.withResolvers<void>();

  /** @param onText hears the head, and then whatever comes */
  static async open(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>>,
    onText: (text: string) => void,
    belief?: Belief,
  ): Promise<RawStream> {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return new RawStream(response, onText, belief);
  }

  private constructor(response: IncomingMessage, onText: (text: string) => void, belief = new Belief()) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.belief = belief;
    onText(JSON.stringify(response.headers));
    response.on('error', () => {});
    this.ended = new Promise((resolve) => response.once('close', resolve));
    response.setEncoding('utf8').on('data', (text: string) => {
      onText(text);
      this.#read(text);
    });
    onTestFinished(() => void response.destroy());
  }

  /** Resolves when a condition holds, which is asked whenever something came, or when it is over. */
  async until(condition: () => boolean): Promise<void> {
    const over = this.ended.then(() => true);
    while (!condition()) if ((await Promise.race([this.#news.promise, over])) === true) return;
  }

  destroy(): void {
    this.#response.destroy();
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() as string;
    for (const block of blocks) {
      this.lastId = /^id: ?(.*)$/m.exec(block)?.[1] ?? this.lastId;
      const data = /^data: ?(.*)$/m.exec(block)?.[1];
      if (data !== undefined) this.belief.hear(JSON.parse(data));
    }
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
