import type { Clock } from './clock.ts';
import { parseObject } from './json.ts';
import type { ServerMessage } from './wire.ts';

/** As much of a WebSocket as is used here: browsers, Node’s own and the package `ws` have it. */
export interface WebSocketLike {
  readonly readyState: number;
  // biome-ignore-start lint/suspicious/noExplicitAny: each platform has its own types of events
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  // biome-ignore-end lint/suspicious/noExplicitAny: end
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Cuts the connection, where the platform can; the package `ws` does. */
  terminate?(): void;
}

/** A WebSocket’s constructor. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What one connection tells. After `down` it tells nothing more. */
export interface SocketEvents {
  opened(): void;
  heard(message: ServerMessage): void;
  /** It is over. @param code the close code, 1006 where there was none @param cause what the platform tells, if anything */
  down(code: number, reason: string, cause?: unknown): void;
}

/** A connection that takes longer to open is given up, milliseconds. */
const OPENING_TIME = 15_000;
/** How often the silence is measured, and how long an answer to a ping may take, milliseconds. */
const TICK = 10_000;
/** Browsers hide the server’s pings, so after this long a silence we ask for a sign of life, milliseconds. */
const SILENCE = 30_000;
const NO_CLOSE_FRAME = 1006;
const OPEN = 1;

/** One WebSocket to a server, from opening to its end, with an eye on whether the other side is still there. */
export class Socket {
  readonly #socket: WebSocketLike;
  readonly #clock: Clock;
  readonly #events: SocketEvents;
  #timer: unknown;
  #heardAt: number;
  /** A sign of life was asked for, and nothing came since. */
  #asked = false;
  #over = false;
  #cause: unknown;

  /** @throws what the platform throws of a bad address or token */
  constructor(WebSocket: WebSocketConstructor, clock: Clock, url: string, protocols: string[], events: SocketEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#heardAt = clock.now();
    this.#socket = new WebSocket(url, protocols);
    this.#timer = clock.setTimeout(() => this.#fail('it took too long to connect'), OPENING_TIME);
    this.#socket.onopen = () => {
      this.#heardAt = clock.now();
      this.#arm();
      events.opened();
    };
    this.#socket.onmessage = ({ data }: { data: unknown }) => this.#hear(data);
    this.#socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.#down(code, reason);
    // A close follows. In a browser the event says nothing.
    this.#socket.onerror = (event?: { error?: unknown }) => {
      this.#cause = event?.error;
    };
  }

  get open(): boolean {
    return !this.#over && this.#socket.readyState === OPEN;
  }

  send(text: string): void {
    if (this.open) this.#socket.send(text);
  }

  /** Ends it; nothing more is told. */
  close(): void {
    this.#end();
    this.#socket.close(1000);
  }

  /** Asks for a sign of life now: the network may have changed. */
  probe(): void {
    if (!this.open || this.#asked) return;
    this.#asked = true;
    this.send('{"type":"ping"}');
    this.#arm();
  }

  #hear(data: unknown): void {
    if (this.#over) return;
    this.#heardAt = this.#clock.now();
    this.#asked = false;
    const message = typeof data === 'string' ? parseObject(data) : undefined;
    // What a server of this protocol says.
    if (message !== undefined) this.#events.heard(message as ServerMessage);
  }

  #arm(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK);
  }

  #tick(): void {
    if (this.#asked) {
      this.#fail('it fell silent');
      return;
    }
    const silence = this.#clock.now() - this.#heardAt;
    // A clock that was set back measures nothing.
    if (silence < 0) this.#heardAt = this.#clock.now();
    if (silence >= SILENCE) this.probe();
    else this.#arm();
  }

  /** Gives it up without waiting for a close frame, which a dead connection never brings. */
  #fail(reason: string): void {
    this.#end();
    if (this.#socket.terminate === undefined) this.#socket.close();
    else this.#socket.terminate();
    this.#events.down(NO_CLOSE_FRAME, reason);
  }

  #down(code: number, reason: string): void {
    if (this.#over) return;
    this.#end();
    this.#events.down(code, reason, this.#cause);
  }

  #end(): void {
    this.#over = true;
    this.#clock.clearTimeout(this.#timer);
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }
}
