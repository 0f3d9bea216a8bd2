import { type Area, type Filters, orderOf } from './area.ts';
import { BackOff } from './back-off.ts';
import { type Clock, ServerClock, systemClock } from './clock.ts';
import { Emitter } from './emitter.ts';
import { NearcastError } from './errors.ts';
import { type HistoryQuery, readHistory } from './history.ts';
import { type ConnectionState, Link } from './link.ts';
import { listen, type PageEvents, pageHere } from './page.ts';
import { type NearbyQuery, nearbyPath, orderInQuery } from './query.ts';
import { Replay, type ReplayQuery } from './replay.ts';
import { ReplayStream } from './replay-stream.ts';
import { type CallOptions, type RequestOptions, Rest } from './rest.ts';
import type { WebSocketConstructor } from './socket.ts';
import { Subscription } from './subscription.ts';
import { type TokenSource, Tokens } from './token.ts';
import { Track, type TrackOptions } from './track.ts';
import { Watch, type WatchStart } from './watch.ts';
import type { Nearby, Position } from './wire.ts';

/** Where the server is, and what to reach it with. */
export interface NearcastOptions {
  /** Where the server is, as `https://nearcast.example`; in a browser it may be relative to the page. */
  readonly url: string | URL;
  /**
   * The token, or a function that gives one. It is asked before each connection, shortly before the token ends, and when one
   * was refused. When it throws or takes half a minute, it is asked again later, unless it throws a {@link NearcastError}
   * `unauthorized`.
   */
  readonly token: TokenSource;
  /** Absent: the platform’s. */
  readonly fetch?: typeof globalThis.fetch;
  /** Absent: the platform’s, which Node has from version 22 on. */
  readonly WebSocket?: WebSocketConstructor;
  /** Absent: the platform’s time and timers. */
  readonly clock?: Clock;
  /** Spreads reconnections: 0 … 1. Absent: `Math.random`. */
  readonly random?: () => number;
  /** Who tells of `online` and `pagehide`. Absent: the page, where there is one. */
  readonly page?: PageEvents;
}

/** What to watch beside the area. */
export interface WatchOptions extends Filters {
  /** An answer of `nearby` for the same area and filters, or an earlier watch: only what changed since is sent. */
  readonly from?: WatchStart;
  /** Closes the watch. */
  readonly signal?: AbortSignal;
}

/** What is to be ended when the client is. */
interface Ends {
  on(name: 'state', listener: (state: string) => void): () => void;
  close(): void;
}

/** What can be listened to on a client. */
export interface NearcastEvents {
  /** How the connection stands. */
  state: ConnectionState;
  /** What went wrong with the connection or the token. Only in state `failed` it was given up. */
  error: NearcastError;
}

/**
 * A client of one Nearcast server, for browsers and Node. All that it watches and tracks shares one WebSocket, which is made
 * when it is first needed, made again when it is lost, and closed when nothing needs it any more.
 */
export class Nearcast {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #page: PageEvents | undefined;
  readonly #serverClock: ServerClock;
  readonly #tokens: Tokens;
  readonly #rest: Rest;
  readonly #link: Link;
  readonly #events = new Emitter<NearcastEvents>();
  readonly #pictures = new Set<Ends>();
  readonly #tracks = new Set<Track>();
  readonly #unlisten: () => void;
  #watchesMade = 0;
  #closed = false;

  /** Connects to nothing yet. @throws {TypeError} the URL is none, or of no such server */
  constructor(options: NearcastOptions) {
    const { clock = systemClock, random = Math.random, page = pageHere() } = options;
    const base = baseOf(options.url);
    this.#clock = clock;
    this.#random = random;
    this.#page = page;
    this.#serverClock = new ServerClock(clock);
    this.#tokens = new Tokens(options.token, clock, () => this.#serverClock.now());
    // The platform’s, called as a method of anything else, throws.
    const fetch: typeof globalThis.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#rest = new Rest({ base, tokens: this.#tokens, fetch, serverClock: this.#serverClock });
    this.#link = new Link({
      url: `${base.replace(/^http/, 'ws')}ws`,
      tokens: this.#tokens,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      clock,
      serverClock: this.#serverClock,
      random,
      onState: (state) => this.#events.emit('state', state),
      onError: (error) => this.#events.emit('error', error),
    });
    this.#unlisten = listen(page, 'online', () => this.#link.networkChanged());
  }

  /** How the connection stands. */
  get state(): ConnectionState {
    return this.#link.state;
  }

  /** The server’s clock, epoch milliseconds, as its answers tell; this device’s until one was heard. */
  get serverTime(): number {
    return this.#serverClock.now();
  }

  /** How old a position is now, milliseconds, by the server’s clock; below zero when its device’s clock is ahead. */
  age(position: Position): number {
    return this.serverTime - position.timestamp;
  }

  /** Listens to an event, until the function that it returns is called. */
  on<Name extends keyof NearcastEvents>(name: Name, listener: (event: NearcastEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Who is near a point, nearest first.
   *
   * @throws {NearcastError} why not; `network` when no answer came
   */
  async nearby(query: NearbyQuery, options?: CallOptions): Promise<Nearby> {
    return (await this.#call(nearbyPath(query), options)) as Nearby;
  }

  /**
   * The fixes that a driver sent and the server keeps, oldest first, late ones in their place. They are fetched as they are
   * read: leaving the loop ends it.
   *
   * @throws {NearcastError} why not, where it is read; `not_found` for a driver of whom nothing is known, and when the
   * server keeps no history
   */
  history(driverId: string, query: HistoryQuery = {}, options?: CallOptions): AsyncGenerator<Position, void> {
    this.#assertOpen();
    return readHistory((path) => this.#call(path, options), driverId, query);
  }

  /**
   * Makes a call of the API that this client has no words for, as `request('v1/cells?resolution=8&bbox=…')`.
   *
   * @param path from the server’s address on; `next` of a list of drivers will do
   * @returns the answer, parsed; `undefined` where it has none (204)
   * @throws {NearcastError} why not; `network` when no answer came
   * @throws {TypeError} the path leads out of the server’s address, the body is no JSON, or GET is to have one
   */
  async request(path: string, options?: RequestOptions): Promise<unknown> {
    return this.#call(path.startsWith('/') ? path.slice(1) : path, options);
  }

  /** Watches an area: a circle, a box, a polygon, around a driver, or with `{}` the whole fleet. */
  watch(area: Area, options: WatchOptions = {}): Watch {
    this.#assertOpen();
    const { from, signal } = options;
    signal?.throwIfAborted();
    const deps = { link: this.#link, name: `w${++this.#watchesMade}`, clock: this.#clock, backOff: this.#backOff() };
    const watch = new Watch(
      (events) => new Subscription(deps, orderOf(area, options), from?.cursor, events),
      this.#serverClock,
      from,
    );
    return this.#keep(watch, signal);
  }

  /**
   * Plays what happened in an area: the events of a watch, by a clock that runs from `from` to `to`. It has a connection of
   * its own.
   */
  replay(area: Area, query: ReplayQuery, { signal }: CallOptions = {}): Replay {
    this.#assertOpen();
    signal?.throwIfAborted();
    const order = orderOf(area, query);
    const { from, to, speed } = query;
    const asked = orderInQuery(order, { from, to, speed });
    const deps = { rest: this.#rest, clock: this.#clock, backOff: this.#backOff(), page: this.#page };
    const replay = new Replay((events) => new ReplayStream('v1/replay', asked, deps, events), {
      from,
      follows: order.around !== undefined,
    });
    return this.#keep(replay, signal);
  }

  /** Sends the fixes of a driver; with a gateway’s token, of any. */
  track(options: TrackOptions = {}): Track {
    this.#assertOpen();
    const track = new Track(
      {
        link: this.#link,
        rest: this.#rest,
        tokens: this.#tokens,
        clock: this.#clock,
        backOff: this.#backOff(),
        page: this.#page,
        closed: (closed) => this.#tracks.delete(closed),
      },
      options,
    );
    this.#tracks.add(track);
    return track;
  }

  /** Connects again after the connection was given up, for the tracks that still wait: a new token may be there. */
  reconnect(): void {
    this.#link.retry();
  }

  /** Closes all its watches, replays and tracks, and the connection. Calls that are under way reject with `closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    for (const picture of [...this.#pictures]) picture.close();
    this.#tokens.close();
    await Promise.all([...this.#tracks].map((track) => track.close()));
  }

  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Has a watch or a replay end with the client, and by a signal. */
  #keep<Picture extends Ends>(picture: Picture, signal: AbortSignal | undefined): Picture {
    this.#pictures.add(picture);
    // A listener to the state of the connection may have closed the client.
    if (this.#closed) picture.close();
    const close = () => picture.close();
    signal?.addEventListener('abort', close, { once: true });
    picture.on('state', (state) => {
      if (state !== 'closed' && state !== 'failed' && state !== 'ended') return;
      this.#pictures.delete(picture);
      signal?.removeEventListener('abort', close);
    });
    return picture;
  }

  /** Calls, and tells nothing to whoever has closed the client meanwhile: its answer is that of a token they left. */
  async #call(path: string, options: RequestOptions | undefined): Promise<unknown> {
    this.#assertOpen();
    try {
      return await this.#rest.call(path, options);
    } finally {
      this.#assertOpen();
    }
  }

  #backOff(): BackOff {
    return new BackOff(this.#random);
  }

  #assertOpen(): void {
    if (this.#closed) throw new NearcastError('closed', 'The client was closed.');
  }
}

/** The address that paths are put behind: http or https, with a slash at its end. */
function baseOf(given: string | URL): string {
  const { location } = globalThis as { location?: { href: string } };
  const url = new URL(given, location?.href);
  if (!/^(http|ws)s?:$/.test(url.protocol)) throw new TypeError(`The URL must be http(s) or ws(s), and not ${url}.`);
  const path = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  return `${url.protocol.replace(/^ws/, 'http')}//${url.host}${path}`;
}
