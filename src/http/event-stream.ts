import type { ServerResponse } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import type { Role } from '../auth/principal.ts';
import { type Expiry, watchExpiry } from '../delivery/expiry.ts';
import type { Patient, Pulse } from '../delivery/pulse.ts';
import { Reading } from '../delivery/reading.ts';
import { retryAfter } from '../delivery/retry.ts';
import type { Peer, Transport } from '../delivery/traffic.ts';
import type { Visit } from '../delivery/visit.ts';
import { CLOSE, REPLAY_CLOSE } from '../protocol/close-codes.ts';
import { expiringMessage } from '../protocol/encode.ts';
import { encodeEvent, encodeRetry, HEARTBEAT } from '../protocol/event-stream.ts';
import { type Clock, type EncodeMessages, Outbox, type Socket } from '../subscriptions/outbox.ts';
import type { Subscription } from '../subscriptions/subscription.ts';

/** How long a peer has to read the end before the connection is cut, milliseconds. */
const CLOSE_TIME = 2_000;

/** The code, for those who count, of a stream that its peer left: it has no way to say one (RFC 6455, 7.1.5). */
const NO_STATUS = 1005;

/** What every stream shares. */
export interface EventStreamDeps {
  /** Writes messages as events. */
  readonly encode: EncodeMessages;
  /** What keeps it alive when there is nothing to say, where that is not the same at all times. */
  readonly heartbeat?: () => string;
  readonly clock: Clock;
  readonly pulse: Pulse;
  /** Milliseconds between two heartbeats. */
  readonly pingInterval: number;
  /** Milliseconds for which a peer may read nothing while something waits for it. */
  readonly slowTime: number;
}

/** A response that goes on for as long as its peer reads and its token holds: the events of one subscription. */
export class EventStream implements Socket, Patient, Peer {
  readonly outbox: Outbox;
  readonly #response: ServerResponse;
  readonly #socket: NetSocket;
  readonly #deps: EventStreamDeps;
  readonly #transport: Transport<EventStream>;
  readonly #visit: Visit;
  readonly #onEnd: (subscription: Subscription | undefined) => void;
  readonly #reading: Reading;
  readonly #pulse: Set<Patient>;
  readonly #cancelExpiry: () => void;
  /** What it tells of; for whoever makes it to set. */
  subscription: Subscription | undefined;
  #nextBeat: number;
  #closed = false;

  /**
   * @param response whose head is yet to be written
   * @param socket that it goes to, if only after the answers to requests that came before on the same connection: until
   * then the response knows of none
   * @param headers of it, beside those of a stream
   * @param expiry of the token
   * @param onEnd called once, however it ends
   * @param visit of whoever it is for
   */
  constructor(
    response: ServerResponse,
    socket: NetSocket,
    headers: Readonly<Record<string, string | string[] | number | undefined>>,
    expiry: Expiry,
    deps: EventStreamDeps,
    onEnd: (subscription: Subscription | undefined) => void,
    transport: Transport<EventStream>,
    visit: Visit,
  ) {
    const now = performance.now();
    this.#response = response;
    this.#socket = socket;
    this.#deps = deps;
    this.#onEnd = onEnd;
    this.#transport = transport;
    this.#visit = visit;
    this.outbox = new Outbox(this, deps.encode, deps.clock, transport.tally);
    this.#reading = new Reading(socket, now);
    this.#nextBeat = now + deps.pingInterval;
    this.#pulse = deps.pulse.join(this);
    const { now: serverTime } = deps.clock;
    const expiring = () => this.send(encodeEvent('expiring', expiringMessage(expiry, serverTime)));
    const expired = () => this.close(CLOSE.unauthorized, 'the token has expired');
    this.#cancelExpiry = watchExpiry(expiry, serverTime, expiring, expired);
    transport.begin(this);
    response.on('close', () => this.#end(NO_STATUS, 'the peer went'));
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      // nginx and its like would otherwise hold events back until a buffer is full.
      'x-accel-buffering': 'no',
    });
    // Each peer has a time of its own, so that those who lose their server together do not come back together.
    this.send(encodeRetry(retryAfter()));
  }

  get role(): Role {
    return this.#visit.role;
  }

  get bufferedAmount(): number {
    return this.#response.writableLength;
  }

  send(data: string): void {
    if (this.#closed) return;
    this.#visit.sent++;
    this.#response.write(data, this.#drained);
  }

  /** Looks whether the peer reads, and sends a heartbeat when it is time. */
  tick(now: number): void {
    // A response that still waits for its turn is not told that the connection is gone.
    if (this.#socket.destroyed) {
      this.#end(NO_STATUS, 'the peer went');
      return;
    }
    if (this.#reading.stalled(now) >= this.#deps.slowTime) {
      this.close(CLOSE.slow, 'too slow: nothing was read');
      // It does not read that either.
      this.#socket.destroy();
      return;
    }
    if (now < this.#nextBeat) return;
    this.#nextBeat = now + this.#deps.pingInterval;
    // Behind what waits it would keep nothing alive that this does not.
    if (this.bufferedAmount === 0) this.send(this.#deps.heartbeat?.() ?? HEARTBEAT);
  }

  /** Says that the server goes. The peer connects again by itself. */
  sendAway(): void {
    this.close(CLOSE.goingAway, 'the server is going away');
  }

  /** Says why it ends, in the words of the close codes of a WebSocket, and ends. */
  close(code: number, reason: string): void {
    const comeBack = code !== REPLAY_CLOSE.ended && (code < 4000 || code >= 4500);
    this.send(encodeEvent('close', JSON.stringify({ code, reason, ...(comeBack && { retryAfter: retryAfter() }) })));
    this.#end(code, reason);
    const spare = this.#deps.clock.after(CLOSE_TIME, () => this.#socket.destroy());
    this.#response.once('close', spare);
    this.#response.end();
  }

  readonly #drained = (): void => this.outbox.drained();

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.end(this, code);
    this.#visit.over(code, reason);
    this.#pulse.delete(this);
    this.#cancelExpiry();
    this.outbox.close();
    this.#onEnd(this.subscription);
  }
}
