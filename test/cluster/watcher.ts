import { setTimeout as delay } from 'node:timers/promises';
import type { AskedArea } from '../support/areas.ts';
import { Belief } from '../support/belief.ts';
import type { Client } from '../support/client.ts';
import { bearer, type Instance } from '../support/cluster.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { Poller } from '../support/poller.ts';
import type { Random } from '../support/random.ts';
import { token } from '../support/server.ts';
import type { Cast } from './driver.ts';
import { areaIn } from './scenes.ts';
import type { Filters } from './truth.ts';

export type Transport = 'socket' | 'stream' | 'poll';

/** Milliseconds before what failed is tried again. */
const AGAIN = 100;
const NAME = 's';

/** One who watches an area at some instance, comes back with its last cursor, and believes just what it is told. */
export class Watcher {
  readonly name: string;
  readonly transport: Transport;
  area: AskedArea;
  readonly filters: Filters;
  belief = new Belief();
  /** What was wrong with the streams of connections that are gone. */
  readonly #contradictions: string[] = [];
  readonly #cast: Cast;
  readonly #random: Random;
  readonly #driverIds: readonly string[];
  #instance: Instance;
  /** Ends the connection there is. */
  #end = () => {};
  #client: Client | undefined;
  /** It has asked to be told no more, and waits for the answer. */
  #isLeaving = false;
  #stopped = false;
  #running: Promise<void> | undefined;
  /** Connections that were made, and times that a subscription was refused for the moment. */
  connections = 0;
  refusals = 0;

  constructor(name: string, cast: Cast, random: Random, transport: Transport, driverIds: readonly string[]) {
    this.name = name;
    this.transport = transport;
    this.#cast = cast;
    this.#random = random;
    this.#driverIds = driverIds;
    this.#instance = random.pick(cast.watched);
    this.area = this.#areaOfChoice();
    this.filters = {
      where: random.below(3) === 0 ? ['status', ['free']] : random.below(6) === 0 ? ['seats', [2, 3]] : undefined,
      maxAge: random.below(5) === 0 ? 3_600 : undefined,
      // A poll knows of displacements no more than one question long.
      minDisplacement: transport !== 'poll' && random.below(5) === 0 ? random.pick([50, 2_000]) : undefined,
    };
  }

  /** Watches until {@link stop}, whatever becomes of connections. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#end();
    await this.#running;
  }

  /** What it is told that is no true sequence. */
  get contradictions(): readonly string[] {
    return [...this.#contradictions, ...this.belief.contradictions, ...(this.#client?.contradictions ?? [])];
  }

  /** What it believes that is not so. */
  get wrong(): string | undefined {
    return this.#cast.truth.wrongIn(this.belief, this.area, this.filters);
  }

  get description(): string {
    return `${this.name}, by ${this.transport} at ${this.#instance.name} (${this.connections} connections, ${this.belief.resumed} resumed, ${this.belief.full} full, ${this.refusals} refused), of ${JSON.stringify(this.area.fields)} ${JSON.stringify(this.filters)}`;
  }

  /** Comes back, at any instance. */
  reconnect(): void {
    this.#instance = this.#random.pick(this.#cast.watched);
    this.#end();
  }

  /** Looks at another area; over a WebSocket in one of the ways there are, else by asking anew. */
  move(): void {
    const before = this.area;
    const area = this.#areaOfChoice();
    if (this.transport !== 'socket') {
      this.area = area;
      this.#forget();
      this.#end();
      return;
    }
    const client = this.#client;
    if (client === undefined || client.socket.readyState !== client.socket.OPEN || this.#isLeaving) return;
    this.area = area;
    if (this.#random.below(3) === 0) {
      // Until it is told that it has none any more it hears of the subscription that it had.
      client.send({ type: 'unsubscribe', subscription: NAME });
      this.#isLeaving = true;
      return;
    }
    // A field of another kind of area replaces the area, but none does it that names no area.
    const nothing = Object.fromEntries(Object.keys(before.fields).map((field) => [field, null]));
    const fields = area.kind === 'everywhere' ? nothing : area.fields;
    client.send({ type: 'update', subscription: NAME, ...fields });
    if (area.kind !== 'around') this.belief.followed = undefined;
  }

  #areaOfChoice(): AskedArea {
    const scene = this.#random.pick(this.#cast.scenes);
    return areaIn(scene, this.#random, this.#driverIds, this.#cast.isApart);
  }

  /** What is asked anew, with no cursor, begins with a belief of nothing. */
  #forget(): void {
    this.#contradictions.push(...this.belief.contradictions);
    this.belief = new Belief();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#connect();
      } catch (error) {
        // An instance that is gone is not there to connect to.
        if (!this.#instance.isUp) this.#instance = this.#random.pick(this.#cast.watched);
        if (!this.#stopped && !isPassing(error)) this.#cast.faults.push(`${this.name}: ${error}`);
      }
      if (!this.#stopped) await delay(AGAIN);
    }
  }

  /** Resolves when the connection is over. */
  #connect(): Promise<void> {
    this.connections++;
    if (this.transport === 'socket') return this.#bySocket();
    return this.transport === 'stream' ? this.#byStream() : this.#byPolls();
  }

  async #bySocket(): Promise<void> {
    const client = await this.#instance.connect(this.#cast.fleet);
    this.#client = client;
    this.#isLeaving = false;
    this.#end = () => client.socket.terminate();
    if (this.#stopped) client.socket.terminate();
    client.socket.on('message', (data: Buffer) => {
      client.heard.length = 0;
      const { type, code, subscription } = JSON.parse(String(data));
      if (type === 'unsubscribed') {
        this.#isLeaving = false;
        this.#forget();
        this.#subscribe(client);
      }
      if (type !== 'error') return;
      // An update of what was refused is of nothing.
      if (code !== 'unavailable' && !(code === 'not_found' && this.refusals > 0)) {
        this.#cast.faults.push(`${this.name} is told ${data}`);
      }
      if (subscription !== NAME) return;
      this.refusals++;
      setTimeout(() => {
        if (client.socket.readyState === client.socket.OPEN) this.#subscribe(client);
      }, AGAIN);
    });
    this.#subscribe(client);
    const { code, reason } = await client.closed;
    this.#contradictions.push(...client.contradictions.filter((what) => !this.belief.contradictions.includes(what)));
    this.#client = undefined;
    if (code >= 4000) throw new Error(`closed with ${code} ${reason}`);
  }

  #subscribe(client: Client): void {
    const { where, ...filters } = this.filters;
    client.beliefs.set(NAME, this.belief);
    client.send({
      type: 'subscribe',
      subscription: NAME,
      ...this.area.fields,
      ...filters,
      where: where === undefined ? undefined : { [where[0]]: where[1] },
      cursor: this.belief.cursor,
    });
  }

  async #byStream(): Promise<void> {
    const { belief } = this;
    const { cursor } = belief;
    const stream = await EventStreamReader.open(
      `${this.#instance.url}/v1/stream?${this.#query}`,
      { ...bearer(this.#cast.fleet), ...(cursor === undefined ? {} : { 'last-event-id': cursor }) },
      { belief },
    );
    this.#end = () => stream.destroy();
    if (stream.status !== 200) {
      stream.destroy();
      throw new Error(`the stream is answered ${stream.status}`);
    }
    // It may have begun to look elsewhere meanwhile.
    if (this.#stopped || this.belief !== belief) stream.destroy();
    await stream.ended;
  }

  async #byPolls(): Promise<void> {
    const over = new AbortController();
    this.#end = () => over.abort();
    const jwt = token({ fleet: this.#cast.fleet });
    const poller = new Poller(this.#instance, this.#query, this.belief, jwt);
    while (!this.#stopped && !over.signal.aborted) await poller.poll(1, over.signal);
  }

  get #query(): string {
    const { where, maxAge, minDisplacement } = this.filters;
    const parts = [this.area.query];
    if (where !== undefined) parts.push(...where[1].map((value) => `attributes.${where[0]}=${value}`));
    if (maxAge !== undefined) parts.push(`maxAge=${maxAge}`);
    if (minDisplacement !== undefined) parts.push(`minDisplacement=${minDisplacement}`);
    return parts.filter((part) => part !== '').join('&');
  }
}

/** Whether it is just that an instance is away, or cannot answer for the moment. */
function isPassing(error: unknown): boolean {
  return /ECONNREFUSED|ECONNRESET|socket hang up|abort|was not taken|\b503\b|closed with 45/i.test(String(error));
}
