import type { Socket as NetSocket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { WebSocket } from 'ws';
import type { OpenDoors } from '../auth/open-doors.ts';
import type { Principal, Role } from '../auth/principal.ts';
import type { Authenticate } from '../auth/tokens.ts';
import type { Rates } from '../delivery/allowance.ts';
import type { Expiry } from '../delivery/expiry.ts';
import { type Limited, whose } from '../delivery/limited.ts';
import type { Patient, Pulse } from '../delivery/pulse.ts';
import type { Quota, Seat } from '../delivery/quota.ts';
import { Reading } from '../delivery/reading.ts';
import { retryAfter } from '../delivery/retry.ts';
import type { Peer, Transport } from '../delivery/traffic.ts';
import { Visit } from '../delivery/visit.ts';
import { DomainError } from '../errors.ts';
import { type Ingest, isRefusal } from '../ingest.ts';
import {
  authenticateMessageSchema,
  parseFrame,
  parseMessageId,
  pingMessageSchema,
  positionsMessageSchema,
  type subscribeMessageSchema,
  unsubscribeMessageSchema,
  type updateMessageSchema,
} from '../protocol/client-messages.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { type About, errorMessage, expiringMessage } from '../protocol/encode.ts';
import { parse } from '../protocol/faults.ts';
import { toView, viewAfter } from '../protocol/view.ts';
import { type Clock, type EncodeMessages, Outbox, type Socket } from '../subscriptions/outbox.ts';
import type { Subscription } from '../subscriptions/subscription.ts';
import type { View } from '../subscriptions/view.ts';
import type { Tracker, Waits } from '../tracker.ts';
import { DEAF, Hearing } from './hearing.ts';
import { Held, type Message } from './held.ts';
import { Pacing } from './pacing.ts';
import { Session } from './session.ts';

/** What every connection shares. */
export interface ConnectionDeps {
  readonly tracker: Tracker;
  readonly ingest: Ingest;
  /** Absent: this is the only instance. */
  readonly waits?: Waits;
  readonly authenticate: Authenticate;
  readonly doors: Pick<OpenDoors, 'hold'>;
  readonly encode: EncodeMessages;
  readonly clock: Clock;
  readonly pulse: Pulse;
  readonly maxSubscriptions: number;
  readonly quota: Quota;
  /** Of what one connection may send that is no gateway's; absent: any. */
  readonly rates: Rates | undefined;
  readonly limited: Limited;
  /** Milliseconds between two pings. */
  readonly pingInterval: number;
  /** Milliseconds for which a peer may read nothing while something waits for it. */
  readonly slowTime: number;
  readonly subscribeSchema: ReturnType<typeof subscribeMessageSchema>;
  readonly updateSchema: ReturnType<typeof updateMessageSchema>;
}

/** A peer that sends this many bad messages in a row is closed. */
const MAX_BAD_MESSAGES = 20;
/** Characters of answers that may wait for a peer that keeps asking and does not read, before it is heard no more. */
const MAX_UNREAD = 4 * 1024 * 1024;
/** Bytes of messages that are looked through for drivers at a time: each time that something waits, all would be. */
const MAX_MET = 256 * 1024;
/** Pings in a row that may stay unanswered. */
const MAX_MISSED_PINGS = 2;

/**
 * From here on codes are anybody's (RFC 6455, 7.4.2). What a peer gives is counted as this one: it may be one by which the
 * server says why it closes.
 */
const OWN_CODES = 3_000;

/**
 * One WebSocket: its session, its subscriptions, and what becomes of each message. (A long file: every kind of message ends
 * here, and each is a few lines.)
 */
export class Connection implements Socket, Patient, Peer {
  readonly outbox: Outbox;
  readonly #socket: WebSocket;
  readonly #deps: ConnectionDeps;
  readonly #log: FastifyBaseLogger;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #session: Session;
  readonly #raw: NetSocket;
  readonly #reading: Reading;
  /** Among the connections of its subject, once that is known. */
  #seat: Seat | undefined;
  readonly #pulse: Set<Patient>;
  readonly #transport: Transport<Connection>;
  readonly #visit: Visit;
  readonly #hearing: Hearing;
  readonly #pacing: Pacing;
  readonly #held = new Held();
  #onAuthenticated: (() => void) | undefined;
  #badMessages = 0;
  /** Characters of answers that are handed to the socket and not written out. */
  #unread = 0;
  #nextPing: number;
  #missedPings = 0;
  #closed = false;
  /** Why the connection fails, where that is known before it is closed. */
  #fault: string | undefined;
  /** Answers wait for the end of the turn. */
  #gathering = false;
  /** Acknowledgements that wait for the store, and messages that wait for what other instances know. */
  #owed = 0;
  /** The drivers are met of whom there are fixes in the message that is heard now. */
  #isMet = false;
  /** The server goes: the peer is told so as soon as nothing is owed to it. */
  #leaving = false;

  constructor(
    socket: WebSocket,
    raw: NetSocket,
    deps: ConnectionDeps,
    transport: Transport<Connection>,
    log: FastifyBaseLogger,
    address: string | undefined,
  ) {
    const now = performance.now();
    this.#socket = socket;
    this.#deps = deps;
    this.#log = log;
    this.outbox = new Outbox(this, deps.encode, deps.clock, transport.tally);
    const over = (code: number, reason: string) => {
      if (code !== CLOSE.authenticationTimeout || !this.#held.isWaiting) this.close(code, reason);
      // A token came in time; how long it is judged is not the peer's doing.
      else this.#held.afterwards(() => this.#session.authenticated || this.close(code, reason), false);
    };
    const expiring = (expiry: Expiry) => this.send(expiringMessage(expiry, deps.clock.now));
    this.#session = new Session(deps.clock.now, deps.doors, over, expiring);
    this.#raw = raw;
    this.#reading = new Reading(raw, now);
    this.#hearing = new Hearing(socket);
    this.#pacing = new Pacing({
      rates: deps.rates,
      raw,
      hearing: this.#hearing,
      clock: deps.clock,
      onMet: (limit) =>
        deps.limited.meet(limit, this.#session.authenticated ? whose(this.#session.principal) : undefined),
    });
    this.#nextPing = now + deps.pingInterval;
    this.#pulse = deps.pulse.join(this);
    this.#transport = transport;
    this.#visit = new Visit(log, transport.name, address);
    transport.begin(this);
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', (data) => {
      this.#missedPings = 0;
      this.#pacing.spend(data.length);
    });
    // Answered by the socket itself.
    socket.on('ping', (data) => this.#pacing.spend(data.length));
    // The close that follows says all there is to say; without a listener it would be thrown.
    socket.on('error', (error) => {
      this.#fault = error.message;
      this.#log.debug({ err: error, connection: this.#visit.id }, 'websocket error');
    });
    socket.on('close', (code) => {
      const end = () => this.#end(code, this.#fault ?? 'the peer went', Math.min(code, OWN_CODES));
      // What it sent before it went is heard first.
      if (this.#held.isEmpty) end();
      else this.#held.afterwards(end, true);
    });
  }

  get role(): Role {
    return this.#visit.role;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /**
   * Takes a token; a bad one closes the connection. What the peer sends while it is judged waits.
   *
   * @param about the message that it came in, which is answered; absent: it came with the handshake
   */
  authenticate(token: string, about?: About): void {
    let judged: ReturnType<Authenticate>;
    try {
      judged = this.#deps.authenticate(token);
    } catch (error) {
      this.#turnDown(error, about);
      return;
    }
    if (!(judged instanceof Promise)) {
      this.#admit(judged, about);
      return;
    }
    this.#held.begin();
    this.#hearing.stop(DEAF.waiting);
    const admit = (principal: Principal) => this.attempt(() => this.#admit(principal, about), {});
    const turnDown = (error: unknown) => this.attempt(() => this.#turnDown(error, about), {});
    judged.then(admit, turnDown).then(() => this.#catchUp());
  }

  #admit(principal: Principal, about: About | undefined): void {
    if (this.#closed) return;
    try {
      this.#session.admit(principal, this.#subscriptions.size > 0);
      this.#seat ??= this.#deps.quota.enter(principal);
    } catch (error) {
      this.#turnDown(error, about);
      return;
    }
    // A gateway speaks for thousands.
    this.#pacing.isLimited = !principal.canWriteAny;
    this.#visit.is(principal);
    if (about !== undefined) {
      this.#answer(JSON.stringify({ type: 'authenticated', expiresAt: principal.statedExpiry, id: about.id }));
    }
    this.#onAuthenticated?.();
    this.#onAuthenticated = undefined;
  }

  #turnDown(error: unknown, about: About = {}): void {
    if (!(error instanceof DomainError)) throw error;
    const { code, message, faults } = error;
    if (code !== 'unavailable') {
      this.#answer(errorMessage(code, message, faults, {}));
      this.close(code === 'forbidden' || code === 'limit' ? CLOSE[code] : CLOSE.unauthorized, message);
      return;
    }
    this.#answer(JSON.stringify({ type: 'error', code, message, id: about.id, retryAfter: retryAfter() }));
    // The token before still holds.
    if (!this.#session.authenticated) this.close(CLOSE.unavailable, message);
  }

  /** What was waited for is done: what waited for that comes first. */
  #catchUp(): void {
    const upcoming = this.#held.isLast ? upTo(MAX_MET, this.#held.messages) : [];
    const meeting = upcoming.length === 0 ? undefined : this.#meetAll(upcoming);
    if (meeting === undefined) this.#hearHeld(0);
    else meeting.then(() => this.#hearHeld(upcoming.length));
  }

  /** @param met of how many messages, the first, the drivers are met: others may have come since they were looked through */
  #hearHeld(met: number): void {
    let left = met;
    this.#held.end((data, isBinary) => {
      this.#isMet = left-- > 0;
      this.#receive(data, isBinary);
    });
    this.#isMet = false;
    if (!this.#held.isWaiting) this.#hearing.resume(DEAF.waiting);
  }

  /** Has all drivers met of whom there are fixes in messages that wait, so that not each waits for its own. */
  #meetAll(messages: readonly Message[]): Promise<void> | undefined {
    if (this.#deps.waits === undefined || !this.#session.authenticated || !this.#session.principal.canWrite)
      return undefined;
    const fixes: unknown[] = [];
    for (const { data, isBinary } of messages) if (!isBinary) fixes.push(...fixesIn(data.toString()));
    return this.#deps.ingest.meet(this.#session.principal, fixes);
  }

  /**
   * Does what a message asks for now, or once what it needs is there; what is sent meanwhile waits behind it.
   *
   * @param waited `undefined`: there is nothing to wait for
   */
  #once(waited: Promise<unknown> | undefined, action: () => void, about: About): void {
    if (waited === undefined) {
      action();
      return;
    }
    this.#held.begin(true);
    this.#hearing.stop(DEAF.waiting);
    this.#owed++;
    const act = () => this.attempt(() => this.#closed || action(), about);
    const fail = (error: unknown) =>
      this.attempt(() => {
        throw error;
      }, about);
    waited.then(act, fail).then(() => {
      this.#settleUp();
      this.#catchUp();
    });
  }

  /** Runs an action now, or as soon as the connection has authenticated; never once it is closed. */
  onceAuthenticated(action: () => void): void {
    // A good token may have come too late, or on a connection too many; nobody would take back what is done now.
    if (this.#closed) return;
    if (this.#session.authenticated) action();
    else this.#onAuthenticated = action;
  }

  /** Subscribes, once all that is there is known. @throws {DomainError} why not */
  subscribe(id: string, view: View, cursor: string | undefined, about: About): void {
    const { sight } = this.#session.reader;
    this.#once(this.#deps.waits?.ready(sight, view.area), () => this.#subscribe(id, view, cursor), about);
  }

  #subscribe(id: string, view: View, cursor: string | undefined): void {
    const { sight } = this.#session.reader;
    const known = this.#subscriptions.get(id);
    if (known !== undefined) this.#drop(known);
    else if (this.#subscriptions.size >= this.#deps.maxSubscriptions) {
      throw new DomainError('limit', `A connection may have at most ${this.#deps.maxSubscriptions} subscriptions.`);
    } else this.#seat?.mayAdd();
    this.#subscriptions.set(id, this.#deps.tracker.subscribe(sight, id, this.outbox, view, cursor));
    this.#seat?.has(this.#subscriptions.size);
  }

  /** Runs what a message or URL asks for; what is wrong with it is told to the client, and the connection goes on. */
  attempt(action: () => void, about: About): void {
    try {
      action();
    } catch (error) {
      if (error instanceof DomainError) {
        this.#refuse(error, about);
        return;
      }
      this.#log.error({ err: error, connection: this.#visit.id }, 'message failed');
      this.#answer(errorMessage('internal', 'The server failed on this message.', [], about));
    }
  }

  /** Looks whether the peer is there and reads, and sends a ping when it is time. */
  tick(now: number): void {
    if (this.#reading.stalled(now) >= this.#deps.slowTime) {
      this.close(CLOSE.slow, 'too slow: nothing was read');
      return;
    }
    this.#session.keepReady(this.#deps.tracker);
    if (now < this.#nextPing) return;
    this.#nextPing = now + this.#deps.pingInterval;
    // A ping goes behind what waits: until that is read, which is looked at above, an answer is not to be expected. Nor is
    // one that is not read here.
    if (this.#socket.bufferedAmount > 0 || this.#hearing.stopped) this.#missedPings = 0;
    if (this.#missedPings >= MAX_MISSED_PINGS) {
      this.#fault = 'pings stayed unanswered';
      this.#socket.terminate();
      return;
    }
    this.#missedPings++;
    this.#socket.ping();
  }

  /**
   * Hears no more, and has the peer go as soon as it has heard what became of all that was heard of it: it would have to send
   * again what is stored.
   */
  leave(): void {
    this.#leaving = true;
    this.#hearing.stop(DEAF.leaving);
    if (this.#owed === 0) this.sendAway();
  }

  /** Says that the server goes, and when to come back. */
  sendAway(): void {
    const message = 'The server is going away; connect again.';
    this.send(JSON.stringify({ type: 'error', code: 'unavailable', message, retryAfter: retryAfter() }));
    this.close(CLOSE.goingAway, 'the server is going away');
  }

  /** Says goodbye. From here on nothing is heard, told, watched or timed, however long the peer takes to answer. */
  close(code: number, reason: string): void {
    this.#socket.close(code, closeReason(reason));
    this.#end(code, reason);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return;
    if (this.#held.isWaiting) {
      const isFine = this.#held.keep(data, isBinary);
      if (!isFine) this.close(CLOSE.badMessages, 'too much was sent while something waited');
      return;
    }
    this.#visit.received++;
    this.#missedPings = 0;
    this.#pacing.spend(data.length);
    const about: { id?: string | number; subscription?: string } = {};
    this.attempt(() => {
      if (isBinary) throw DomainError.invalid([{ field: '', message: 'Send text frames; this one is binary' }]);
      this.#handle(parseFrame(data.toString()), about);
    }, about);
  }

  /** @param about is filled with what an error would be about */
  #handle(message: Record<string, unknown>, about: { id?: string | number; subscription?: string }): void {
    const { type } = message;
    if (message.id !== undefined) about.id = parseMessageId(message.id);
    if (typeof message.subscription === 'string') about.subscription = message.subscription.slice(0, 64);
    if (type === 'authenticate') {
      this.authenticate(parse(authenticateMessageSchema, message).token, about);
      return;
    }
    if (!this.#session.authenticated) throw new DomainError('unauthorized', 'Authenticate first.');
    switch (type) {
      case undefined:
      case 'position':
        // Whether it was rubbish shows in its verdict.
        if (this.#deps.waits === undefined || this.#isMet) this.#position(message, about);
        else {
          const meeting = this.#deps.ingest.meet(this.#session.writer, [message]);
          this.#once(meeting, () => this.#position(message, about), about);
        }
        return;
      case 'positions': {
        const fields = parse(positionsMessageSchema, message);
        const meeting = this.#isMet ? undefined : this.#deps.ingest.meet(this.#session.writer, fields.positions);
        this.#once(meeting, () => this.#positions(fields), about);
        break;
      }
      case 'subscribe': {
        const fields = parse(this.#deps.subscribeSchema, message);
        this.subscribe(fields.subscription, toView(fields), fields.cursor, about);
        break;
      }
      case 'update':
        this.#update(parse(this.#deps.updateSchema, message), about);
        break;
      case 'unsubscribe':
        this.#unsubscribe(parse(unsubscribeMessageSchema, message).subscription);
        break;
      case 'ping': {
        const { id } = parse(pingMessageSchema, message);
        this.#answer(JSON.stringify({ type: 'pong', id, serverTime: this.#deps.clock.now() }));
        break;
      }
      default:
        throw DomainError.invalid([{ field: 'type', message: 'is not a type of message that the server knows' }]);
    }
    this.#badMessages = 0;
  }

  #position(message: Record<string, unknown>, { id }: About): void {
    const { writer } = this.#session;
    const onStored =
      id === undefined
        ? undefined
        : (error?: Error) => {
            if (error !== undefined) this.#notStored(id);
            else this.#answer(`{"type":"ack","id":${JSON.stringify(id)},"verdict":"${result.verdict}"}`);
            this.#settleUp();
          };
    const result = this.#deps.ingest.judge(writer, message, onStored);
    if (!isRefusal(result)) {
      this.#badMessages = 0;
      if (id !== undefined) this.#owed++;
      return;
    }
    const { verdict, code, message: why, faults } = result;
    if (id === undefined || code === 'unavailable') throw new DomainError(code, why, faults);
    // The sender can tell which fix it was: bad data, not rubbish.
    this.#answer(JSON.stringify({ type: 'ack', id, verdict, code, message: why }));
  }

  #positions({ id, positions }: ReturnType<typeof positionsMessageSchema.parse>): void {
    const { writer } = this.#session;
    this.#deps.ingest.judgeAll(writer, positions, (results, error) => {
      if (error !== undefined) this.#notStored(id);
      else this.#answer(JSON.stringify({ type: 'ack', id, results }));
      this.#settleUp();
    });
    this.#owed++;
  }

  /** One acknowledgement less is owed. */
  #settleUp(): void {
    this.#owed--;
    if (this.#leaving && this.#owed === 0 && !this.#closed) this.sendAway();
  }

  #notStored(id: string | number): void {
    this.#answer(errorMessage('unavailable', 'It could not be stored; send it again later.', [], { id }));
  }

  #update(fields: ReturnType<ConnectionDeps['updateSchema']['parse']>, about: About): void {
    const subscription = this.#known(fields.subscription);
    const view = viewAfter(subscription.asked, fields);
    const waited = this.#deps.waits?.ready(this.#session.reader.sight, view.area);
    this.#once(waited, () => this.#deps.tracker.update(subscription, view), about);
  }

  #unsubscribe(id: string): void {
    this.#drop(this.#known(id));
    this.#answer(JSON.stringify({ type: 'unsubscribed', subscription: id }));
  }

  #known(id: string): Subscription {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) throw new DomainError('not_found', 'There is no such subscription here.');
    return subscription;
  }

  #drop(subscription: Subscription): void {
    this.#deps.tracker.unsubscribe(subscription);
    this.outbox.forget(subscription);
    this.#subscriptions.delete(subscription.id);
    this.#seat?.has(this.#subscriptions.size);
  }

  #refuse(error: DomainError, about: About): void {
    this.#answer(errorMessage(error.code, error.message, error.faults, about));
    if (error.code !== 'invalid' && error.code !== 'unauthorized') return;
    if (++this.#badMessages >= MAX_BAD_MESSAGES) this.close(CLOSE.badMessages, 'too many bad messages');
  }

  /**
   * Sends what was asked for. Unlike changes answers cannot be merged, so a peer that asks and does not read is not heard
   * until it does.
   */
  #answer(data: string): void {
    this.#unread += data.length;
    if (this.#unread > MAX_UNREAD) this.#hearing.stop(DEAF.unread);
    this.#gather();
    this.#send(data, () => {
      this.#unread -= data.length;
      if (this.#unread <= MAX_UNREAD / 2) this.#hearing.resume(DEAF.unread);
      this.outbox.drained();
    });
  }

  /** Has all answers of this turn leave in one write: the store lets go of many acknowledgements at once. */
  #gather(): void {
    if (this.#gathering || this.#closed) return;
    this.#gathering = true;
    this.#raw.cork();
    process.nextTick(() => {
      this.#gathering = false;
      this.#raw.uncork();
    });
  }

  send(data: string): void {
    this.#send(data, this.#drained);
  }

  #send(data: string, sent: () => void): void {
    if (this.#closed || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#visit.sent++;
    this.#socket.send(data, sent);
  }

  readonly #drained = (): void => this.outbox.drained();

  /** @param counted the code that it is counted by */
  #end(code: number, reason: string, counted = code): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held.drop();
    // Its answer to the close frame is heard.
    this.#hearing.resume(DEAF.waiting);
    this.#hearing.resume(DEAF.leaving);
    this.#transport.end(this, counted);
    this.#visit.over(code, reason);
    this.#pulse.delete(this);
    this.#session.end();
    this.#seat?.leave();
    this.#pacing.end();
    this.outbox.close();
    for (const subscription of this.#subscriptions.values()) this.#deps.tracker.unsubscribe(subscription);
    this.#subscriptions.clear();
  }
}

/** As much of a reason as a close frame has room for: 123 bytes (RFC 6455, 5.5). */
function closeReason(reason: string): string {
  let fitting = reason;
  while (Buffer.byteLength(fitting) > 123) fitting = fitting.slice(0, -1);
  return fitting;
}

/** The first of some messages, up to a number of bytes; one at least. */
function upTo(bytes: number, messages: readonly Message[]): readonly Message[] {
  let left = bytes;
  const end = messages.findIndex(({ data }) => {
    left -= data.length;
    return left <= 0;
  });
  return messages.slice(0, end < 0 ? messages.length : end + 1);
}

/** The fixes of a message, as far as it has any. */
function fixesIn(text: string): readonly unknown[] {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null) return [];
    return 'positions' in message && Array.isArray(message.positions) ? message.positions : [message];
  } catch {
    // What is wrong with it is told when it is heard.
    return [];
  }
}
