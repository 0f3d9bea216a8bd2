import type { BytesCase, Case, FramesCase, HandshakeCase, MessageCase, RequestCase } from './case.ts';
import { Channel } from './channel.ts';
import { operationOf } from './contract.ts';
import { frame } from './frames.ts';
import { HANDSHAKE } from './handshakes.ts';
import { type Answer, NoAnswer, readAnswer } from './http-answer.ts';
import { judgeAnswer, judgeClose, judgeText, type Told } from './judge.ts';
import { bytesOf } from './mutate.ts';
import { NoFrame, readFrame } from './server-frame.ts';
import { tokenOf } from './tokens.ts';

/** What came of a case. */
export interface Outcome {
  /** In a word or a number, to be counted. */
  readonly result: string;
  /** What should not have been. */
  readonly fault?: string;
}

/** Milliseconds in which everything must be answered or ended. */
const PATIENCE = 20_000;
/** Milliseconds in which a connection must be gone that its peer has ended. */
const FAREWELL = 8_000;
/** Milliseconds for which nothing comes before a peer that sent something incomplete gives up on it. */
const QUIET = 25;
/** Milliseconds that a poll or stream is waited for. */
const GLANCE = 60;
/** Messages on one connection, and requests. */
const REUSE = 150;
/** Requests of at least so many bytes may be cut off by a reset before their answer is read. */
const LARGE = 8_000;

const WEB_SOCKET_GUID_HASH = 'ICX+Yqv66kxgM0FcWaLWlFLwTAI=';
const CALM: Outcome = { result: 'quiet' };
/** What may take its time, also where it is not an operation any more by a hair. */
const LONG = /^\/v1\/(stream|changes|replay)/;

/**
 * Does cases, one after the other, on connections that are kept from case to case where the kind allows it. (A long file: each
 * kind of case is done here, and what they share is a socket and what was learned from answers.)
 */
export class Performer {
  readonly #port: number;
  readonly #learned = new Map<string, string>();
  #http: Channel | undefined;
  #requests = 0;
  #webSocket: Channel | undefined;
  #messages = 0;
  #sentinel = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Does a case, and says what came of it. */
  async perform(one: Case): Promise<Outcome> {
    try {
      switch (one.kind) {
        case 'message':
          return await this.#message(one);
        case 'frames':
          return await this.#frames(one);
        case 'bytes':
          return await this.#bytes(one);
        default:
          return 'method' in one ? await this.#request(one) : await this.#handshake(one);
      }
    } catch (error) {
      if (!(error instanceof NoAnswer || error instanceof NoFrame)) throw error;
      this.end();
      return { result: 'garbage', fault: `what came is neither HTTP nor a frame: ${error.message}` };
    }
  }

  /** Leaves all connections. */
  end(): void {
    this.#http?.destroy();
    this.#webSocket?.destroy();
    this.#http = undefined;
    this.#webSocket = undefined;
  }

  async #request(one: RequestCase, again = false): Promise<Outcome> {
    if (this.#http === undefined || this.#http.ended || ++this.#requests > REUSE) {
      this.#http?.destroy();
      this.#http = new Channel(this.#port);
      this.#requests = 0;
    }
    const channel = this.#http;
    const isFirst = this.#requests === 0;
    const text = this.#requestText(one);
    channel.write(text);
    const isLong = LONG.test(one.target);
    let answer: Answer | undefined;
    const read = () => {
      answer = readAnswer(channel.bytes, one.method === 'HEAD', channel.ended);
      return answer?.complete ? answer : undefined;
    };
    await channel.until(read, isLong ? GLANCE : PATIENCE);
    if (answer?.complete) {
      channel.take(answer.length);
      // What was not read to its end is not known to be HEAD either.
      const isUnknown = one.method === 'HEAD' && (answer.status === 400 || answer.status === 431);
      if (channel.bytes.length > 0 && !isUnknown)
        return this.#gone({ result: 'more', fault: 'more than one answer to one request' });
    } else {
      const { ended } = channel;
      const nothing = answer === undefined;
      this.#gone(CALM);
      if (nothing && isLong && !ended) return { result: 'left' };
      if (nothing && ended && text.length >= LARGE) return { result: 'reset' };
      // A connection that is kept may be ended by the server just when it is used again.
      if (nothing && ended && !isFirst && !again) return this.#request(one, true);
      if (nothing) return { result: 'none', fault: ended ? 'closed without an answer' : 'no answer in time' };
      if (!isLong && !ended) return { result: 'none', fault: 'no end of the answer in time' };
    }
    const whole = answer as Answer;
    if (whole.headers.get('connection')?.toLowerCase() === 'close') this.#gone(CALM);
    this.#learn(whole);
    return {
      result: String(whole.status),
      fault: judgeAnswer({ ...one, operation: operationOf(one.method, one.target) }, whole),
    };
  }

  #gone(outcome: Outcome): Outcome {
    this.#http?.destroy();
    this.#http = undefined;
    return outcome;
  }

  async #message(one: MessageCase): Promise<Outcome> {
    if (this.#webSocket === undefined || this.#webSocket.ended || ++this.#messages > REUSE) {
      this.#webSocket?.destroy();
      const opened = await this.#open(`Bearer ${this.#token(one.as)}`);
      if (!(opened instanceof Channel)) return opened;
      this.#webSocket = opened;
      this.#messages = 0;
    }
    this.#webSocket.write(frame(this.#filled(one.text, 'json'), one.binary ? 2 : 1));
    const outcome = await this.#hear(this.#webSocket, false);
    if (outcome.result !== 'answered') {
      this.#webSocket.destroy();
      this.#webSocket = undefined;
    }
    return outcome;
  }

  async #frames({ bytes }: FramesCase): Promise<Outcome> {
    const channel = await this.#open(`Bearer ${tokenOf('all')}`);
    if (!(channel instanceof Channel)) return channel;
    channel.write(bytes);
    const outcome = await this.#hear(channel, true);
    channel.destroy();
    return outcome;
  }

  async #handshake(one: HandshakeCase): Promise<Outcome> {
    const channel = new Channel(this.#port);
    try {
      channel.write(this.#requestText({ ...one, kind: 'request', method: 'GET' }));
      const answer = await this.#answer(channel, PATIENCE);
      if (answer === undefined) return { result: 'none', fault: 'no answer to a handshake' };
      if (answer.status !== 101)
        return { result: String(answer.status), fault: judgeAnswer({ forged: one.forged }, answer) };
      channel.mayDeflate = answer.headers.has('sec-websocket-extensions');
      if (one.first !== undefined) channel.write(frame(this.#filled(one.first, 'json')));
      const outcome = await this.#hear(channel, one.first !== undefined);
      if (one.forged && outcome.result === 'answered' && !this.#wasRefused) {
        return { ...outcome, fault: 'a token that nobody signed was taken' };
      }
      return outcome;
    } finally {
      channel.destroy();
    }
  }

  async #bytes({ pieces }: BytesCase): Promise<Outcome> {
    const channel = new Channel(this.#port);
    for (const [i, piece] of pieces.entries()) {
      // So that they come one by one.
      if (i > 0) await channel.until(() => undefined, 2);
      channel.write(this.#filled(piece, 'json'));
    }
    let seen = -1;
    while (seen < channel.bytes.length && !channel.ended) {
      seen = channel.bytes.length;
      await channel.until(() => (channel.bytes.length > seen ? true : undefined), QUIET);
    }
    channel.finish();
    await channel.until(() => undefined, FAREWELL);
    const isOpen = !channel.ended;
    channel.destroy();
    if (isOpen) return { result: 'open', fault: 'a connection that its peer ended stays open' };
    const statuses: number[] = [];
    // Whether an answer to HEAD has a body is not known where methods are anything.
    const maybeHead = /HEAD/i.test(pieces.join(''));
    while (channel.bytes.length > 0) {
      const answer = readAnswer(channel.bytes, false, true);
      // Cut off by the end.
      if (answer === undefined) break;
      channel.take(answer.length);
      statuses.push(answer.status);
      if (answer.status === 101 || maybeHead) break;
      const fault = judgeAnswer({}, answer);
      if (fault !== undefined && answer.complete) return { result: String(answer.status), fault };
    }
    return statuses.length === 0 ? CALM : { result: String(statuses[0]) };
  }

  /** Opens a WebSocket. */
  async #open(authorization: string): Promise<Channel | Outcome> {
    const channel = new Channel(this.#port);
    const headers = [
      ...HANDSHAKE,
      ['authorization', authorization],
      ['sec-websocket-extensions', 'permessage-deflate'],
    ];
    const lines = ['GET /ws HTTP/1.1', 'host: x', ...headers.map(([name, value]) => `${name}: ${value}`)];
    channel.write(`${lines.join('\r\n')}\r\n\r\n`);
    const answer = await this.#answer(channel, PATIENCE);
    if (answer?.status !== 101) {
      channel.destroy();
      if (answer !== undefined) return { result: String(answer.status), fault: judgeAnswer({}, answer) };
      return { result: 'none', fault: 'no answer to a handshake' };
    }
    if (answer.headers.get('sec-websocket-accept') !== WEB_SOCKET_GUID_HASH) {
      return { result: '101', fault: 'a handshake that accepts something else' };
    }
    channel.mayDeflate = answer.headers.has('sec-websocket-extensions');
    return channel;
  }

  #answer(channel: Channel, patience: number): Promise<Answer | undefined> {
    return channel.until(() => {
      const answer = readAnswer(channel.bytes, false, channel.ended);
      if (!answer?.complete) return undefined;
      channel.take(answer.length);
      return answer;
    }, patience);
  }

  #wasRefused = false;

  /** Asks whether the server is there, and judges all that comes until it says so, or the connection ends. */
  async #hear(channel: Channel, mayBreak: boolean): Promise<Outcome> {
    const id = `~${++this.#sentinel}`;
    channel.write(frame(`{"type":"ping","id":"${id}"}`));
    this.#wasRefused = false;
    let outcome: Outcome | undefined;
    const read = (): true | undefined => {
      for (let next = readFrame(channel.bytes, channel.mayDeflate); next !== undefined; ) {
        channel.take(next.length);
        if (next.opcode === 8) {
          const { code, wrong } = judgeClose(next, mayBreak);
          outcome = { result: String(code), fault: wrong ?? outcome?.fault };
          return true;
        }
        if (next.opcode === 9) channel.write(frame(next.payload.toString('latin1'), 10));
        if (next.opcode === 1) {
          const { told, wrong } = judgeText(next.payload);
          if (told?.cursor !== undefined) this.#learned.set('cursor', told.cursor);
          if (told?.type === 'error' && told.code === 'unauthorized') this.#wasRefused = true;
          if (wrong !== undefined) outcome ??= { result: 'wrong', fault: wrong };
          if (isAnswer(told, id)) {
            outcome ??= { result: 'answered' };
            return true;
          }
        }
        next = readFrame(channel.bytes, channel.mayDeflate);
      }
      return undefined;
    };
    await channel.until(read, mayBreak ? QUIET * 2 : PATIENCE);
    if (outcome !== undefined) return outcome;
    if (channel.ended) return { result: 'cut', fault: mayBreak ? undefined : 'cut off without a close' };
    if (!mayBreak) return { result: 'none', fault: 'no answer in time' };
    // A frame that is longer than what came: nothing to hear until there is more of it.
    channel.finish();
    await channel.until(read, FAREWELL);
    return outcome ?? (channel.ended ? CALM : { result: 'open', fault: 'a connection that its peer ended stays open' });
  }

  #token(name: string): string {
    return (name === 'share' && this.#learned.get('share')) || tokenOf(name);
  }

  #requestText({ method, target, headers, body, chunked }: RequestCase): string {
    const lines = [`${method} ${this.#filled(target, 'url')} HTTP/1.1`];
    if (!headers.some(([name]) => name === 'host')) lines.push('host: x');
    for (const [name, value] of headers) lines.push(`${name}: ${this.#filled(value, 'header')}`);
    const filled = body === undefined ? undefined : this.#filled(body, 'json');
    const end = '\r\n\r\n';
    if (filled === undefined) return lines.join('\r\n') + end;
    if (!chunked || filled === '') return `${lines.join('\r\n')}\r\ncontent-length: ${filled.length}${end}${filled}`;
    return `${lines.join('\r\n')}\r\ntransfer-encoding: chunked${end}${filled.length.toString(16)}\r\n${filled}\r\n0${end}`;
  }

  /** Puts what was learned in the place of placeholders. */
  #filled(text: string, place: 'url' | 'header' | 'json'): string {
    if (!text.includes('@')) return text;
    return text.replace(/@(token:)?([a-z]+)@/g, (_, isToken, name) => {
      const value = isToken ? this.#token(name) : (this.#learned.get(name) ?? 'd1');
      if (place === 'url') return encodeURIComponent(value);
      return place === 'json' ? bytesOf(JSON.stringify(value)).slice(1, -1) : value.replace(/[^\x20-\x7e]/g, '');
    });
  }

  #learn({ status, body, headers, complete }: Answer): void {
    if (status >= 300 || !complete || !headers.get('content-type')?.includes('json') || body.length > 100_000) return;
    let told: Record<string, unknown>;
    try {
      told = JSON.parse(body.toString());
    } catch {
      return;
    }
    if (typeof told?.cursor === 'string') this.#learned.set('cursor', told.cursor);
    if (typeof told?.id === 'string') this.#learned.set('id', told.id);
    if (typeof told?.token === 'string') this.#learned.set('share', told.token);
    if (typeof told?.next === 'string') {
      const after = new URL(told.next, 'http://x').searchParams.get('after');
      if (after !== null) this.#learned.set('after', after);
    }
  }
}

/** Whether a message answers the ping of that id: by a pong, or by why there is none. */
function isAnswer(told: Told | undefined, id: string): boolean {
  return told?.id === id && (told.type === 'pong' || told.type === 'error');
}
