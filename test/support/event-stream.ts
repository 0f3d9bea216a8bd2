import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { Belief, type Message } from './belief.ts';

/** An event as it came, its data parsed. */
export interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Message;
}

/** A reader of Server-Sent Events (HTML Standard, 9.2.6) that keeps what it hears, and believes just that. */
export class EventStreamReader {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Events heard and not yet taken by {@link next}. */
  readonly heard: ServerEvent[] = [];
  readonly belief: Belief;
  /** Comments heard. */
  comments = 0;
  /** The last id, also of what was no event. */
  lastId: string | undefined;
  /** What `retry` said, milliseconds. */
  retry: number | undefined;
  bytes = 0;
  /** Resolves when the response has ended, with whether it ended in order. */
  readonly ended: Promise<boolean>;
  readonly #response: IncomingMessage;
  #text = '';
  #waiting: (() => void) | undefined;
  #over = false;

  /** @param belief of the connection before, for one that goes on from a cursor */
  static async open(
    url: string,
    headers: Record<string, string>,
    { belief = new Belief(), method = 'GET' }: { belief?: Belief; method?: string } = {},
  ): Promise<EventStreamReader> {
    // Nothing is kept alive for a request that never comes.
    const asked = request(url, { method, headers, agent: new Agent({ keepAlive: false }) });
    asked.end();
    asked.on('error', () => {});
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return new EventStreamReader(response, belief);
  }

  private constructor(response: IncomingMessage, belief: Belief) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.belief = belief;
    this.ended = new Promise((resolve) => {
      response.on('close', () => {
        this.#over = true;
        this.#waiting?.();
        resolve(response.complete);
      });
    });
    response.on('error', () => {});
    response.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    onTestFinished(() => void response.destroy());
  }

  /** The next event, or the next of a name; those before it are dropped. */
  async next(event?: string): Promise<ServerEvent> {
    for (;;) {
      while (this.heard.length > 0) {
        const next = this.heard.shift() as ServerEvent;
        if (event === undefined || next.event === event) return next;
      }
      if (this.#over) throw new Error(`ended while waiting for ${event ?? 'an event'}`);
      await this.#news();
    }
  }

  /** Resolves when a condition holds, which is asked whenever something came. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#over) throw new Error('ended while waiting');
      await this.#news();
    }
  }

  /** All that came while nobody parsed it, for an answer that is no stream. */
  get text(): string {
    return this.#text;
  }

  /** Reads nothing from the connection any more, so that all that the server sends piles up behind it. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Goes without a word. */
  destroy(): void {
    this.#response.destroy();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #read(text: string): void {
    this.bytes += Buffer.byteLength(text);
    const events = (this.#text + text).split('\n\n');
    this.#text = events.pop() as string;
    for (const event of events) this.#parse(event);
    this.#waiting?.();
  }

  #parse(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const [, name, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line) as unknown as [string, string, string | undefined];
      if (name === '') this.comments++;
      else fields.set(name, value ?? '');
    }
    if (fields.has('retry')) this.retry = Number(fields.get('retry'));
    this.lastId = fields.get('id') ?? this.lastId;
    const data = fields.get('data');
    if (data === undefined) return;
    const message = JSON.parse(data);
    this.heard.push({ event: fields.get('event') ?? 'message', id: fields.get('id'), data: message });
    this.belief.hear(message);
  }
}
