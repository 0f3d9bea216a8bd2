import { BackOff } from './back-off.ts';
import type { Clock, ServerClock } from './clock.ts';
import { finalCode, UNAUTHORIZED } from './close-codes.ts';
import { asNearcastError, errorOf, NearcastError } from './errors.ts';
import { Renewal } from './renewal.ts';
import { Socket, type WebSocketConstructor } from './socket.ts';
import { expiryOf, type Tokens } from './token.ts';
import type { AckMessage, ErrorMessage, ServerMessage } from './wire.ts';

/**
 * How the connection stands: `idle` (nothing needs it), `connecting`, `open`, `waiting` (to try again), `failed` (given
 * up: see the error).
 */
export type ConnectionState = 'idle' | 'connecting' | 'open' | 'waiting' | 'failed';

/** Who needs the connection. */
export interface Member {
  /** There is a connection, and it is new: nothing that was said before counts. */
  opened(): void;
  /** The connection is lost, and will be made anew. */
  interrupted(): void;
  /** The connection is given up, until somebody asks for it again. */
  failed(error: NearcastError): void;
}

/** An answer to a message that had an id. */
export type Reply = AckMessage | ErrorMessage | { readonly type: 'pong' };

/** What the link needs from outside. */
export interface LinkDeps {
  /** `ws://` or `wss://`, with the path. */
  readonly url: string;
  readonly tokens: Tokens;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly clock: Clock;
  readonly serverClock: ServerClock;
  readonly random: () => number;
  readonly onState: (state: ConnectionState) => void;
  /** Hears of errors that concern no subscription and no message, and of tokens that could not be had. */
  readonly onError: (error: NearcastError) => void;
}

const SUBPROTOCOL = 'nearcast.v1';
/** A connection that stood this long was a good one: the next back-off starts anew. Milliseconds. */
const STABLE = 10_000;

/**
 * The one connection of a client: made when somebody needs it, made again when it is lost, ended when nobody does. (Just above
 * 300 lines: all its states turn on the same timers and tokens.)
 */
export class Link {
  readonly #deps: LinkDeps;
  readonly #members = new Set<Member>();
  readonly #subscriptions = new Map<string, (message: ServerMessage) => void>();
  readonly #replies = new Map<number, (reply: Reply) => void>();
  readonly #backOff: BackOff;
  readonly #renewal: Renewal;
  #state: ConnectionState = 'idle';
  #socket: Socket | undefined;
  /** Counts attempts: what belongs to an older one is passed over. */
  #attempt = 0;
  #nextId = 1;
  /** Of the reconnection. */
  #timer: unknown;
  #stableTimer: unknown;
  /** The server asked not to come back earlier, epoch milliseconds. */
  #notBefore = 0;
  /** What the server said of the connection before it closed it. */
  #lastWords: NearcastError | undefined;
  #token: string | undefined;
  /** The token that was refused, until one is accepted. */
  #refused: string | undefined;
  /** A token was refused, and none has held for a while since. */
  #refusedBefore = false;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    this.#backOff = new BackOff(deps.random);
    this.#renewal = new Renewal(deps, {
      renewed: (token) => {
        this.#token = token;
        this.send({ type: 'authenticate', token });
      },
      failed: (error) => deps.onError(error),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  /** Needs the connection from now on. */
  join(member: Member): void {
    this.#members.add(member);
    if (this.#state === 'open') member.opened();
    else this.retry();
  }

  /** Needs the connection no more. */
  leave(member: Member): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    this.#attempt++;
    this.#clearTimers();
    this.#replies.clear();
    this.#socket?.close();
    this.#socket = undefined;
    if (this.#state !== 'failed') this.#setState('idle');
  }

  /** Connects, if it is needed and given up or not yet begun. */
  retry(): void {
    if (this.#members.size === 0 || (this.#state !== 'idle' && this.#state !== 'failed')) return;
    this.#refused = undefined;
    this.#refusedBefore = false;
    this.#backOff.reset();
    void this.#connect();
  }

  /** The network is back, or has changed: no need to wait, unless the server asked for it. */
  networkChanged(): void {
    if (this.#state === 'open') this.#socket?.probe();
    else if (this.#state === 'waiting' && this.#deps.clock.now() >= this.#notBefore) void this.#connect();
  }

  /** Hands over what is said of a subscription. */
  route(subscription: string, hear: (message: ServerMessage) => void): void {
    this.#subscriptions.set(subscription, hear);
  }

  /** Hands over nothing more of a subscription. */
  unroute(subscription: string): void {
    this.#subscriptions.delete(subscription);
  }

  /** Sends a message, if there is a connection. */
  send(message: Readonly<Record<string, unknown>>): void {
    if (this.open) this.#socket?.send(JSON.stringify(message));
  }

  /**
   * Sends a message that is answered. There is no answer when the connection is lost before.
   *
   * @param write the message with this id, as JSON
   */
  ask(write: (id: number) => string, hear: (reply: Reply) => void): void {
    const id = this.#nextId++;
    this.#replies.set(id, hear);
    this.#socket?.send(write(id));
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    const { tokens, WebSocket, clock, url } = this.#deps;
    this.#clearTimers();
    this.#setState('connecting');
    try {
      const token = await tokens.ask();
      if (attempt !== this.#attempt) return;
      if (token === this.#refused) return this.#giveUp(this.#refusal());
      this.#token = token;
    } catch (error) {
      if (attempt === this.#attempt) this.#noToken(error as NearcastError);
      return;
    }
    this.#lastWords = undefined;
    if (WebSocket === undefined) return this.#giveUp(new NearcastError('protocol', 'This platform has no WebSocket.'));
    try {
      this.#socket = new Socket(WebSocket, clock, url, [SUBPROTOCOL, `bearer.${this.#token}`], {
        opened: () => this.#opened(),
        heard: (message) => this.#heard(message),
        down: (code, reason, cause) => this.#down(code, reason, cause),
      });
    } catch (error) {
      this.#giveUp(asNearcastError(error, 'protocol', 'The address or the token cannot be used'));
    }
  }

  #opened(): void {
    const { clock, serverClock, tokens } = this.#deps;
    this.#stableTimer = clock.setTimeout(() => this.#accepted(), STABLE);
    this.#setState('open');
    for (const member of [...this.#members]) if (this.#members.has(member)) member.opened();
    // Those who were told may have left.
    if (!this.open) return;
    const token = this.#token as string;
    const expiry = expiryOf(token);
    if (expiry === undefined || !tokens.renewable) return;
    // When it ends is by the server’s clock, and the answer tells that.
    this.ask(
      (id) => JSON.stringify({ type: 'ping', id }),
      () => this.#renewal.endsIn(expiry - serverClock.now(), token),
    );
  }

  /** The token is good, and so is the way to the server. */
  #accepted(): void {
    this.#refused = undefined;
    this.#refusedBefore = false;
    this.#backOff.reset();
  }

  #heard(message: ServerMessage): void {
    if ('serverTime' in message) this.#deps.serverClock.heard(message.serverTime);
    // Only what comes right before a close is about it.
    this.#lastWords = undefined;
    if (message.type === 'authenticated') {
      this.#renewal.endsIn(message.expiresAt - this.#deps.serverClock.now(), this.#token as string);
    } else if (message.type === 'expiring') {
      this.#renewal.expiring(this.#token as string);
    } else if ('subscription' in message && message.subscription !== undefined) {
      this.#refused = undefined;
      this.#subscriptions.get(message.subscription)?.(message);
    } else if ('id' in message && message.id !== undefined) {
      this.#refused = undefined;
      const hear = this.#replies.get(message.id as number);
      this.#replies.delete(message.id as number);
      hear?.(message as Reply);
    } else if (message.type === 'error') {
      this.#lastWords = errorOf(message);
      if (message.code === 'unavailable') this.#renewal.postponed();
      this.#deps.onError(this.#lastWords);
    }
  }

  #down(code: number, reason: string, cause?: unknown): void {
    const wasOpen = this.open;
    const final = finalCode(code);
    this.#socket = undefined;
    this.#clearTimers();
    this.#replies.clear();
    if (code === UNAUTHORIZED) {
      this.#lastWords ??= new NearcastError('unauthorized', reason || 'The token was refused.');
      // A refused token is worth one more question: it may have just ended.
      if (this.#refused !== undefined || !this.#deps.tokens.renewable) {
        this.#giveUp(this.#refusal());
        return;
      }
      this.#refused = this.#token;
      // Tokens that are taken, and then are not, are not asked for in a circle.
      if (this.#refusedBefore) this.#wait();
      else void this.#connect();
      this.#refusedBefore = true;
    } else if (final === undefined) {
      const attempt = this.#attempt;
      this.#wait(this.#lastWords?.retryAfter);
      // A goodbye was told when it came.
      if (this.#lastWords === undefined) this.#deps.onError(lost(wasOpen, code, reason, cause));
      // Whoever was told may have closed everything, and begun anew.
      if (attempt !== this.#attempt) return;
    } else {
      const why = this.#lastWords?.message ?? (reason || `closed with ${code}`);
      const details = { closeCode: code, errors: this.#lastWords?.errors };
      this.#giveUp(new NearcastError(this.#lastWords?.code ?? final, why, details));
      return;
    }
    if (wasOpen) for (const member of [...this.#members]) member.interrupted();
  }

  #refusal(): NearcastError {
    return new NearcastError('unauthorized', this.#lastWords?.message ?? 'The token was refused.', {
      closeCode: UNAUTHORIZED,
    });
  }

  #noToken(error: NearcastError): void {
    if (error.code === 'unauthorized') {
      this.#giveUp(error);
      return;
    }
    this.#wait();
    this.#deps.onError(error);
  }

  #wait(retryAfter?: number): void {
    const { clock } = this.#deps;
    this.#notBefore = clock.now() + (retryAfter ?? 0) * 1000;
    this.#timer = clock.setTimeout(() => void this.#connect(), this.#backOff.next(retryAfter));
    this.#setState('waiting');
  }

  #giveUp(error: NearcastError): void {
    this.#attempt++;
    this.#clearTimers();
    this.#setState('failed');
    this.#deps.onError(error);
    for (const member of [...this.#members]) member.failed(error);
  }

  #clearTimers(): void {
    const { clock } = this.#deps;
    for (const timer of [this.#timer, this.#stableTimer]) clock.clearTimeout(timer);
    this.#renewal.stop();
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#deps.onState(state);
  }
}

/** That a connection could not be made, or was lost. */
function lost(wasOpen: boolean, closeCode: number, reason: string, cause: unknown): NearcastError {
  const what = wasOpen ? 'The connection was lost' : 'The connection could not be made';
  const why = reason || (cause instanceof Error && cause.message) || `closed with ${closeCode}`;
  return new NearcastError('network', `${what}: ${why}`, { closeCode, cause });
}
