import type { BackOff } from './back-off.ts';
import type { Clock } from './clock.ts';
import { finalCode, UNAUTHORIZED } from './close-codes.ts';
import { asNearcastError, type ErrorCode, NearcastError } from './errors.ts';
import { EventStreamParser, type StreamEvent } from './event-stream.ts';
import { parseObject } from './json.ts';
import { listen, type PageEvents } from './page.ts';
import type { Rest } from './rest.ts';
import type { ChangesMessage, CloseEvent, SnapshotMessage } from './wire.ts';

/** What a stream tells its replay. After `ended` or `failed` it tells nothing more. */
export interface ReplayStreamEvents {
  snapshot(message: SnapshotMessage): void;
  changes(message: ChangesMessage): void;
  /** The connection was lost or could not be made, and will be. */
  interrupted(error: NearcastError): void;
  /** All was told. */
  ended(): void;
  /** It is over. */
  failed(error: NearcastError): void;
}

/** What a stream needs from outside. */
export interface ReplayStreamDeps {
  readonly rest: Rest;
  readonly clock: Clock;
  readonly backOff: BackOff;
  readonly page: PageEvents | undefined;
}

/** A connection that stood this long was a good one: the next back-off starts anew. Milliseconds. */
const STABLE = 10_000;
/** One on which nothing came for so long is taken for dead, milliseconds: three of the server's heartbeats, and more. */
const PATIENCE = 90_000;
const ENDED = 1000;

/** What asking again may mend. */
const PASSING: readonly ErrorCode[] = ['network', 'unavailable', 'internal'];

/** One replay on the wire: asked for, and after each broken connection from where it had come to. */
export class ReplayStream {
  readonly #path: string;
  readonly #query: URLSearchParams;
  readonly #deps: ReplayStreamDeps;
  readonly #events: ReplayStreamEvents;
  readonly #unlisten: () => void;
  /** That which is open or being made. */
  #connection: AbortController | undefined;
  #begunAt = 0;
  /** Of the next connection. */
  #timer: unknown;
  /** Of the silence on this one. */
  #silence: unknown;
  #patience = PATIENCE;
  /** The server asked not to come back earlier, epoch milliseconds. */
  #notBefore = 0;
  /** Seconds to wait where the server does not say more. */
  #retry: number | undefined;

  constructor(path: string, query: URLSearchParams, deps: ReplayStreamDeps, events: ReplayStreamEvents) {
    this.#path = path;
    this.#query = query;
    this.#deps = deps;
    this.#events = events;
    this.#unlisten = listen(deps.page, 'online', () => {
      const isWaiting = this.#timer !== undefined && deps.clock.now() >= this.#notBefore;
      if (isWaiting) void this.#connect();
    });
  }

  start(): void {
    void this.#connect();
  }

  /** Ends it on the wire. */
  stop(): void {
    this.#unlisten();
    this.#hangUp();
  }

  async #connect(): Promise<void> {
    this.#hangUp();
    const connection = new AbortController();
    this.#connection = connection;
    this.#begunAt = this.#deps.clock.now();
    try {
      await this.#read(connection);
    } catch (error) {
      if (connection !== this.#connection) return;
      // Why it was cut is told by whoever cut it.
      const cause = connection.signal.aborted ? connection.signal.reason : error;
      this.#lost(asNearcastError(cause, 'network', 'The connection was lost'));
    }
  }

  async #read(connection: AbortController): Promise<void> {
    this.#listen(connection);
    const reader = await this.#deps.rest.stream(`${this.#path}?${this.#query}`, connection.signal);
    if (connection !== this.#connection) return;
    if (reader === undefined) {
      this.#ended();
      return;
    }
    const parser = new EventStreamParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (connection !== this.#connection) return;
      if (done) throw new NearcastError('network', 'The connection was lost: the stream broke off.');
      this.#listen(connection);
      try {
        for (const event of parser.read(value)) {
          this.#hear(event);
          // Whoever was told may have closed it.
          if (connection !== this.#connection) return;
        }
      } catch (error) {
        throw asNearcastError(error, 'protocol', 'What was told cannot be understood');
      }
      if (parser.retry !== undefined) this.#retry = parser.retry / 1000;
      // Time passes also where nothing happens.
      this.#mark(parser.lastEventId);
    }
  }

  #hear({ type, data, lastEventId }: StreamEvent): void {
    this.#mark(lastEventId);
    const message: unknown = parseObject(data);
    if (message === undefined) return;
    // What a server of this protocol says by events of these names.
    if (type === 'snapshot') this.#events.snapshot(message as SnapshotMessage);
    else if (type === 'changes') this.#events.changes(message as ChangesMessage);
    else if (type === 'close') this.#closed(message as CloseEvent);
  }

  /** Takes note of where to go on from. */
  #mark(lastEventId: string): void {
    if (lastEventId !== '') this.#query.set('cursor', lastEventId);
  }

  #closed({ code, reason, retryAfter }: CloseEvent): void {
    if (code === ENDED) {
      this.#ended();
      return;
    }
    const final = finalCode(code);
    const wait = Number.isFinite(retryAfter) ? retryAfter : undefined;
    const error = new NearcastError(final ?? 'unavailable', reason, { closeCode: code, retryAfter: wait });
    // Where a token has ended there may be another.
    if (final === undefined || code === UNAUTHORIZED) this.#comeBack(error);
    else this.#failed(error);
  }

  #lost(error: NearcastError): void {
    // What is too much now need not be later, where the server says when.
    if (PASSING.includes(error.code) || error.retryAfter !== undefined) this.#comeBack(error);
    else this.#failed(error);
  }

  #ended(): void {
    this.stop();
    this.#events.ended();
  }

  #failed(error: NearcastError): void {
    this.stop();
    this.#events.failed(error);
  }

  #comeBack(error: NearcastError): void {
    const { clock, backOff } = this.#deps;
    this.#hangUp();
    const now = clock.now();
    if (now - this.#begunAt >= STABLE) backOff.reset();
    this.#notBefore = now + (error.retryAfter ?? 0) * 1000;
    this.#timer = clock.setTimeout(() => void this.#connect(), backOff.next(error.retryAfter ?? this.#retry));
    this.#events.interrupted(error);
  }

  /** Waits for the next sign of life. */
  #listen(connection: AbortController): void {
    const { clock } = this.#deps;
    clock.clearTimeout(this.#silence);
    this.#silence = clock.setTimeout(() => {
      // A server may be quieter than is thought here, and would never be heard out.
      this.#patience *= 2;
      connection.abort(new NearcastError('network', 'The connection was lost: it fell silent.'));
    }, this.#patience);
  }

  #hangUp(): void {
    const { clock } = this.#deps;
    clock.clearTimeout(this.#timer);
    clock.clearTimeout(this.#silence);
    this.#timer = undefined;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.abort();
  }
}
