import { setTimeout as delay } from 'node:timers/promises';
import type { AskedArea } from './areas.ts';
import { Belief } from './belief.ts';
import { Client } from './client.ts';
import { EventStreamReader } from './event-stream.ts';
import { Poller } from './poller.ts';
import { token } from './server.ts';

/** Somebody who watches an area, over whatever transport, and believes what it is told. */
export interface Watcher {
  readonly area: AskedArea;
  readonly belief: Belief;
  /** What was wrong with what it was told. */
  readonly contradictions: readonly string[];
  open(): Promise<void>;
  /** Loses its connection without a word, and comes back with its last cursor. */
  reopen(): Promise<void>;
  /** Reads nothing more from its connection, which stays. */
  pause(): void;
  resume(): void;
}

const headers = { authorization: `Bearer ${token()}` };

/** Over a WebSocket. */
export class SocketWatcher implements Watcher {
  readonly area: AskedArea;
  readonly belief = new Belief();
  readonly #url: string;
  #client: Client | undefined;

  constructor(port: number, area: AskedArea) {
    this.#url = `ws://127.0.0.1:${port}/ws`;
    this.area = area;
  }

  get contradictions(): string[] {
    return this.#client?.contradictions ?? [];
  }

  async open(): Promise<void> {
    const client = await Client.open(this.#url, [], headers);
    this.#client = client;
    client.beliefs.set('s', this.belief);
    client.send({ type: 'subscribe', subscription: 's', ...this.area.fields, cursor: this.belief.cursor });
  }

  async reopen(): Promise<void> {
    this.#client?.socket.terminate();
    await this.#client?.closed;
    await this.open();
  }

  pause(): void {
    this.#client?.socket.pause();
  }

  resume(): void {
    this.#client?.socket.resume();
  }
}

/** By Server-Sent Events. */
export class StreamWatcher implements Watcher {
  readonly area: AskedArea;
  readonly belief = new Belief();
  readonly #url: string;
  #stream: EventStreamReader | undefined;

  constructor(port: number, area: AskedArea) {
    this.#url = `http://127.0.0.1:${port}/v1/stream?${area.query}`;
    this.area = area;
  }

  get contradictions(): string[] {
    return this.belief.contradictions;
  }

  async open(): Promise<void> {
    const { belief } = this;
    const goOn = belief.cursor === undefined ? undefined : { 'last-event-id': belief.cursor };
    this.#stream = await EventStreamReader.open(this.#url, { ...headers, ...goOn }, { belief });
  }

  async reopen(): Promise<void> {
    this.#stream?.destroy();
    await this.#stream?.ended;
    await this.open();
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }
}

/** By long polling, until its signal says stop. What it is to read slowly, it asks for rarely. */
export class PollWatcher implements Watcher {
  readonly area: AskedArea;
  readonly #poller: Poller;
  readonly #stop: AbortSignal;
  #lost = new AbortController();
  #paused = false;

  constructor(port: number, area: AskedArea, stop: AbortSignal) {
    this.area = area;
    this.#stop = stop;
    this.#poller = new Poller({ port }, area.query);
  }

  get belief(): Belief {
    return this.#poller.belief;
  }

  get contradictions(): string[] {
    return this.belief.contradictions;
  }

  async open(): Promise<void> {
    await this.#poller.poll();
    void this.#loop();
  }

  async reopen(): Promise<void> {
    this.#lost.abort();
    this.#lost = new AbortController();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Asks once more, after it was stopped, for what it has not been told. */
  async catchUp(): Promise<void> {
    await this.#poller.poll(0);
  }

  async #loop(): Promise<void> {
    while (!this.#stop.aborted) {
      if (this.#paused) await delay(20);
      // An answer that was lost is asked for again.
      else await this.#poller.poll(1, AbortSignal.any([this.#lost.signal, this.#stop])).catch(() => {});
    }
  }
}
