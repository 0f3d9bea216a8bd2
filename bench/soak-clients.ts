import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { City } from '../src/sim/city.ts';
import { pick } from '../src/sim/random.ts';
import { locate, randomSpot } from '../src/sim/streets.ts';
import type { Circle } from './watcher.ts';

/** Names of drivers that come and go: few enough that they are known again. */
const VISITORS = 200;
/** Seconds for which somebody stays, at the least and at the most. */
const STAY = [2, 10] as const;
/** Milliseconds in which an answer must come. */
const PATIENCE = 15_000;

/** What the clients of the soak share. */
export interface SoakClientsOptions {
  /** Of the server, `http://…`. */
  readonly url: string;
  readonly city: City;
  readonly token: (sub: string, scope: string) => string;
  /** Names of the drivers that are always there. */
  readonly drivers: readonly string[];
  /** 0 … 1 */
  readonly random: () => number;
  readonly onError: (error: string) => void;
}

/** Everybody who comes and goes: watchers, drivers, streams, polls, and those who ask. All loops end with the signal. */
export class SoakClients {
  /** How often each thing was done. */
  readonly counts: Record<string, number> = {};
  readonly #options: SoakClientsOptions;
  readonly #read: string;
  readonly #write: string;
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(options: SoakClientsOptions) {
    this.#options = options;
    this.#read = options.token('soak-reader', 'positions:read');
    this.#write = options.token('soak-gateway', 'positions:write:any');
  }

  start(): void {
    this.#repeat(20, 0, () => this.#watch());
    this.#repeat(5, 0, () => this.#visit());
    this.#repeat(5, 0, () => this.#stream());
    this.#repeat(5, 0, () => this.#poll());
    this.#repeat(4, 100, () => this.#ask('nearby', `/v1/drivers/nearby?${this.#place()}&limit=20`));
    this.#repeat(1, 500, () => this.#ask('within', `/v1/drivers?${this.#place()}&limit=100`));
    this.#repeat(2, 1_000, () => this.#track());
    this.#repeat(1, 500, () => this.#batch());
  }

  /** Ends all loops, and resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  /** @param pause milliseconds between two times */
  #repeat(times: number, pause: number, action: () => Promise<void>): void {
    const { signal } = this.#stop;
    const loop = async () => {
      while (!signal.aborted) {
        try {
          await action();
        } catch (error) {
          if (signal.aborted) return;
          this.#options.onError((error as Error).message);
          await this.#wait(1_000);
        }
        if (pause > 0) await this.#wait(pause * (0.5 + this.#options.random()));
      }
    };
    for (let i = 0; i < times; i++) this.#loops.push(loop());
  }

  /** Watches a circle, looks elsewhere, loses its connection, goes on from its cursor, and leaves. */
  async #watch(): Promise<void> {
    const inside = new Set<string>();
    let cursor: string | undefined;
    let view = circle(this.#anywhere());
    for (const last of [false, true]) {
      const socket = await this.#open(this.#read);
      const heard = (message: Message) => {
        if (message.type === 'error') this.#options.onError(`watch: ${message.code}: ${message.message}`);
        cursor = message.cursor ?? cursor;
        believe(inside, message, this.#options.onError);
      };
      const snapshot = next(socket, 'snapshot', heard);
      socket.send(JSON.stringify({ type: 'subscribe', subscription: 's', ...view, ...(cursor && { cursor }) }));
      await snapshot;
      this.#count(last ? 'watches resumed' : 'watches');
      await this.#stay();
      if (!last) {
        const updated = next(socket, 'changes', () => undefined);
        view = circle(this.#anywhere());
        socket.send(JSON.stringify({ type: 'update', subscription: 's', ...view }));
        await updated;
        await this.#stay();
        socket.terminate();
      } else {
        const unsubscribed = next(socket, 'unsubscribed', () => undefined);
        socket.send(JSON.stringify({ type: 'unsubscribe', subscription: 's' }));
        await unsubscribed;
        socket.close();
      }
    }
  }

  /** A driver comes, sends some fixes, waits for its acknowledgements, and goes: off duty, in order, or without a word. */
  async #visit(): Promise<void> {
    const { random, token } = this.#options;
    const driverId = `visitor-${Math.floor(random() * VISITORS)}`;
    const socket = await this.#open(token(driverId, 'positions:write'));
    for (let i = 0; i < 5; i++) {
      const { lat: latitude, lng: longitude } = this.#anywhere();
      const ack = next(socket, 'ack', ({ type, code }) => {
        if (type === 'error') this.#options.onError(`visitor: ${code}`);
      });
      socket.send(JSON.stringify({ id: i, driverId, latitude, longitude }));
      await ack;
      await this.#wait(500 * random());
    }
    this.#count('visits');
    if (random() < 0.3) {
      await this.#call('DELETE', `/v1/drivers/${driverId}`, token(driverId, 'positions:write'), undefined, 404);
    }
    if (random() < 0.5) socket.terminate();
    else socket.close();
  }

  async #stream(): Promise<void> {
    const cut = new AbortController();
    const signal = AbortSignal.any([cut.signal, this.#stop.signal]);
    const path = `/v1/stream?${this.#place()}`;
    const answer = await fetch(this.#options.url + path, { headers: bearer(this.#read), signal });
    if (answer.status !== 200) throw new Error(`stream: ${answer.status}`);
    const read = answer.body?.pipeTo(new WritableStream(), { signal }).catch(() => undefined);
    this.#count('streams');
    await this.#stay();
    cut.abort();
    await read;
  }

  async #poll(): Promise<void> {
    const place = this.#place();
    let cursor = '';
    for (let i = 0; i < 5; i++) {
      const path = `/v1/changes?${place}&wait=${i === 0 ? 0 : 2}&cursor=${encodeURIComponent(cursor)}`;
      cursor = ((await this.#call('GET', path, this.#read)) as Message).cursor ?? '';
      this.#count('polls');
    }
  }

  async #ask(name: string, path: string): Promise<void> {
    await this.#call('GET', path, this.#read);
    this.#count(name);
  }

  async #track(): Promise<void> {
    const { drivers, random } = this.#options;
    await this.#call('GET', `/v1/drivers/${pick(random, drivers)}/track?limit=500`, this.#read, undefined, 404);
    this.#count('tracks');
  }

  /** A gateway’s batch. */
  async #batch(): Promise<void> {
    const positions = Array.from({ length: 20 }, (_, n) => {
      const { lat: latitude, lng: longitude } = this.#anywhere();
      return { driverId: `batch-${n}`, latitude, longitude };
    });
    await this.#call('POST', '/v1/positions', this.#write, { positions });
    this.#count('batches of 20');
  }

  /** @param also a status that is no error */
  async #call(method: string, path: string, token: string, body?: object, also?: number): Promise<unknown> {
    const answer = await fetch(this.#options.url + path, {
      method,
      headers: { ...bearer(token), ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE)]),
    });
    const text = await answer.text();
    if (!answer.ok && answer.status !== also)
      throw new Error(`${method} ${path.split('?')[0]}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  #open(token: string): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${this.#options.url.replace(/^http/, 'ws')}/ws`, {
        headers: bearer(token),
        perMessageDeflate: false,
        handshakeTimeout: PATIENCE,
      });
      socket.once('open', () => resolve(socket));
      socket.on('error', reject);
      const end = () => socket.terminate();
      this.#stop.signal.addEventListener('abort', end);
      socket.once('close', () => this.#stop.signal.removeEventListener('abort', end));
    });
  }

  #stay(): Promise<void> {
    return this.#wait(1000 * (STAY[0] + (STAY[1] - STAY[0]) * this.#options.random()));
  }

  async #wait(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #anywhere(): Circle {
    const { city, random } = this.#options;
    const { lat, lng } = locate(city, randomSpot(city, random));
    return { lat, lng, radius: 250 + 1750 * random() };
  }

  #place(): string {
    const { latitude, longitude, radius } = circle(this.#anywhere());
    return `latitude=${latitude}&longitude=${longitude}&radius=${radius}`;
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

interface Message {
  readonly type: string;
  readonly cursor?: string;
  readonly code?: string;
  readonly message?: string;
  readonly drivers?: readonly { driverId: string }[];
  readonly unchanged?: readonly string[];
  readonly enter?: readonly { driverId: string }[];
  readonly exit?: readonly { driverId: string }[];
}

/** Follows who is inside, and says what does not fit. */
function believe(
  inside: Set<string>,
  { type, drivers, unchanged, enter, exit }: Message,
  onError: (e: string) => void,
): void {
  if (type === 'snapshot') {
    for (const id of unchanged ?? []) if (!inside.has(id)) onError(`${id}, who was not inside, is unchanged`);
    inside.clear();
    for (const id of unchanged ?? []) inside.add(id);
    for (const { driverId } of drivers ?? []) inside.add(driverId);
  } else if (type === 'changes') {
    for (const { driverId } of enter ?? []) {
      if (inside.has(driverId)) onError(`enter of ${driverId}, who was inside`);
      inside.add(driverId);
    }
    for (const { driverId } of exit ?? [])
      if (!inside.delete(driverId)) onError(`exit of ${driverId}, who was not inside`);
  }
}

/** Resolves with the next message of a type; the listener hears that and all others, from now on. */
function next(socket: WebSocket, type: string, listener: (message: Message) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${type} came`)), PATIENCE);
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message;
      listener(message);
      if (message.type === type) {
        clearTimeout(timer);
        resolve();
      }
    });
    socket.once('close', (code) => {
      clearTimeout(timer);
      reject(new Error(`closed with ${code} while ${type} was awaited`));
    });
  });
}

function circle({ lat: latitude, lng: longitude, radius }: Circle) {
  return { latitude, longitude, radius: Math.round(radius) };
}

function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
