import { Belief, type Message } from '../support/belief.ts';
import { Client } from '../support/client.ts';
import type { Random } from '../support/random.ts';
import type { TestServer } from '../support/server.ts';
import { type Answer, ask } from './ask.ts';
import { Ear, type Marks } from './ear.ts';
import { RawStream } from './raw-stream.ts';
import { claims, EVERYTHING, jwt } from './tokens.ts';

/** Ids that both fleets have. */
const SHARED = ['d0', 'd1', 'd2', 'd3'];
/** Everywhere that anybody is: west, south, east, north. */
const WORLD = [100, 60, 140, 80] as const;
const [WEST, SOUTH, EAST, NORTH] = WORLD;
const RING = [
  [WEST, SOUTH],
  [EAST, SOUTH],
  [EAST, NORTH],
  [WEST, NORTH],
  [WEST, SOUTH],
];

interface Place {
  readonly lat: number;
  readonly lng: number;
}

/** An area as a query string has it. */
type Area = { readonly [Name in 'latitude' | 'longitude' | 'radius' | 'around' | 'bbox']?: string | number };

/**
 * One fleet, and all who act for it: they send, ask, watch over every transport, and do at random what others would do to
 * learn of its neighbour. What the fleet is, it knows by itself.
 */
export class Tenant {
  readonly ear: Ear;
  readonly drivers = new Map<string, Place>();
  readonly marks: Marks;
  /** What somebody else might get hold of. */
  readonly cursors: string[] = [];
  readonly nextPaths: string[] = [];
  readonly shareIds: string[] = [];
  /** The `jti` of all its tokens. */
  readonly tokenId: string;
  readonly #shares: string[] = [];
  readonly #random: Random;
  readonly #server: TestServer;
  readonly #foreignIds: readonly string[];
  readonly #ids: readonly string[];
  readonly #tokens: readonly string[];
  readonly #since = Date.now();
  #other: Tenant | undefined;
  #client!: Client;
  #stream!: RawStream;
  readonly #poll = new Belief();
  readonly #hanging = new Set<Promise<unknown>>();
  #messages = 0;

  constructor(server: TestServer, random: Random, marks: Marks, foreign: Marks) {
    this.#server = server;
    this.#random = random;
    this.marks = marks;
    this.ear = new Ear(marks, foreign);
    this.#ids = [...SHARED, `${marks.ids}0`, `${marks.ids}1`];
    this.#foreignIds = [`${foreign.ids}0`, `${foreign.ids}1`];
    this.tokenId = `token-${marks.lat}`;
    const own = { sub: `${marks.secret}-boss`, fleet: marks.secret, jti: this.tokenId };
    const area = { latitude: marks.lat + 0.5, longitude: marks.lng + 0.5, radius: 40_000 };
    this.#tokens = [{}, { precision: 6 }, { area }, { precision: 8, area }].map((sight) =>
      jwt(claims({ ...own, scope: EVERYTHING, ...sight })),
    );
  }

  /** Connects, and watches the whole fleet in all ways. */
  async open(other: Tenant): Promise<void> {
    this.#other = other;
    this.#client = await this.#connect(this.#tokens[0]);
    this.#client.send({ type: 'subscribe', subscription: 'all' });
    this.#stream = await this.#openStream('/v1/stream');
  }

  /** Does one thing or another. */
  async step(): Promise<void> {
    const deeds = [
      [6, () => this.#post()],
      [6, () => this.#sendFix()],
      [3, () => this.#delete()],
      [3, () => this.#one()],
      [3, () => this.#list()],
      [2, () => this.#near()],
      [1, () => this.#search()],
      [2, () => this.#cells()],
      [2, () => this.#track()],
      [5, () => this.#watch()],
      [2, () => this.#reopenStream()],
      [3, () => this.#changes()],
      [1, () => this.#hang()],
      [1, () => this.#replay()],
      [1, () => this.#metrics()],
      [2, () => this.#blunder()],
      [2, () => this.#follow()],
      [1, () => this.#takeOver()],
      [2, () => this.#share()],
      [2, () => this.#comeByShare()],
      [2, () => this.#lookThroughShares()],
      [1, () => this.#endShare()],
      [1, () => this.#revoke()],
    ] as const;
    let ticket = this.#random.below(deeds.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, deed] of deeds) {
      ticket -= weight;
      if (ticket < 0) return deed();
    }
  }

  /** Waits until everybody has been told all, and says what anybody believes that is not so. */
  async settle(): Promise<string[]> {
    await this.#client.settled();
    await this.#changes();
    const is = describe(this.drivers);
    const { status, text } = await this.#get('/v1/drivers?limit=1000');
    const listed: Message[] = status === 200 ? JSON.parse(text).drivers : [];
    await this.#stream.until(() => believed(this.#stream.belief) === is || this.ear.leaks.length > 0);
    const views = {
      list: describe(new Map(listed.map((one) => [one.driverId, { lat: one.latitude, lng: one.longitude }]))),
      socket: believed(this.#client.belief('all')),
      stream: believed(this.#stream.belief),
      poll: believed(this.#poll),
    };
    const wrong = Object.entries(views).filter(([, view]) => view !== is);
    return [
      ...wrong.map(([name, view]) => `${name} believes ${view}, not ${is}`),
      ...this.#client.belief('all').contradictions,
      ...this.#stream.belief.contradictions,
      ...this.#poll.contradictions,
    ];
  }

  async close(): Promise<void> {
    this.#stream.destroy();
    await Promise.all(this.#hanging);
  }

  /** Of somebody who may see all of the fleet, or some of it. */
  get #token(): string {
    return this.#random.below(3) > 0 ? this.#tokens[0] : this.#random.pick([...this.#tokens, ...this.#shares]);
  }

  async #get(path: string, token = this.#tokens[0], headers = {}): Promise<Answer> {
    return this.#ask('GET', path, token, headers);
  }

  /** Asks, and hears the whole answer. */
  async #ask(method: string, path: string, token = this.#tokens[0], headers = {}, body?: unknown): Promise<Answer> {
    const answer = await ask(this.#server, method, path, token, body, headers);
    const [, door = path] = /^(\/v1\/[^/?]+)/.exec(path) ?? [];
    // Of a share is told what was asked for when it was made.
    const asked =
      path + JSON.stringify(body ?? '') + JSON.stringify(headers) + (door === '/v1/shares' && this.#foreignIds);
    if (path !== '/metrics') this.ear.hear(`${method} ${door}`, JSON.stringify(answer.headers) + answer.text, asked);
    if (answer.status >= 500) throw new Error(`${answer.status} ${method} ${path} ${answer.text}`);
    if (answer.status === 200 && token === this.#tokens[0]) this.#note(answer.text);
    return answer;
  }

  /** Keeps cursors and paths for others to try. */
  #note(text: string): void {
    for (const [, cursor] of text.matchAll(/"cursor":"([^"]+)"/g)) keep(this.cursors, cursor);
    for (const [, next] of text.matchAll(/"next":"([^"]+)"/g)) keep(this.nextPaths, next);
  }

  async #connect(token: string, where = 'websocket'): Promise<Client> {
    const { port } = this.#server;
    const client = await Client.open(`ws://127.0.0.1:${port}/ws`, [], { authorization: `Bearer ${token}` });
    client.socket.on('message', (data: Buffer) => {
      // Ids of the other are only ever said by those who asked about them.
      this.ear.hear(where, data.toString(), this.#foreignIds[0].slice(0, -1));
      this.#note(data.toString());
    });
    return client;
  }

  #openStream(path: string, headers = {}, belief?: Belief): Promise<RawStream> {
    const authorization = `Bearer ${this.#tokens[0]}`;
    const hear = (text: string) => {
      this.ear.hear('stream', text);
      for (const [, id] of text.matchAll(/^id: (.+)$/gm)) keep(this.cursors, id);
    };
    return RawStream.open(this.#server.port, path, { authorization, ...headers }, hear, belief);
  }

  #anyId(): string {
    return this.#random.pick(this.#random.below(4) === 0 ? this.#foreignIds : this.#ids);
  }

  #place(): Place {
    const part = () => `${this.#random.below(1000)}`.padStart(3, '0') + this.marks.digits;
    return { lat: Number(`${this.marks.lat}.${part()}`), lng: Number(`${this.marks.lng}.${part()}`) };
  }

  #fix(): Message {
    const { secret } = this.marks;
    const { lat, lng } = this.#place();
    const attributes = this.#random.below(3) > 0 ? { [secret]: 1, of: secret } : undefined;
    return { driverId: this.#random.pick(this.#ids), latitude: lat, longitude: lng, attributes };
  }

  #placed({ driverId, latitude, longitude }: Message): void {
    this.drivers.set(driverId, { lat: latitude, lng: longitude });
  }

  async #post(): Promise<void> {
    const positions = Array.from({ length: 1 + this.#random.below(3) }, () => this.#fix());
    await this.#ask('POST', '/v1/positions', this.#random.pick(this.#tokens), {}, { positions });
    for (const fix of positions) this.#placed(fix);
  }

  async #sendFix(): Promise<void> {
    const fix = this.#fix();
    const id = `${this.marks.secret}${++this.#messages}`;
    this.#client.send({ ...fix, id });
    while ((await this.#client.next('ack')).id !== id);
    this.#placed(fix);
  }

  async #delete(): Promise<void> {
    const id = this.#anyId();
    const { status } = await this.#ask('DELETE', `/v1/drivers/${id}`);
    const expected = this.drivers.delete(id) ? 204 : 404;
    if (status !== expected) this.ear.leaks.push(`DELETE of ${id} is answered ${status}, not ${expected}`);
  }

  async #one(): Promise<void> {
    const id = this.#anyId();
    const accept = this.#random.pick(['application/json', 'application/geo+json']);
    const { status } = await this.#get(`/v1/drivers/${id}`, this.#tokens[0], { accept });
    const expected = this.drivers.has(id) ? 200 : 404;
    if (status !== expected) this.ear.leaks.push(`GET of ${id} is answered ${status}, not ${expected}`);
  }

  /** An area: of its own, of the other, of both, or around somebody. */
  #area(): Area {
    const { lat, lng } = this.#random.pick([this.marks, this.#other?.marks ?? this.marks]);
    const circle = { latitude: lat + 0.5, longitude: lng + 0.5, radius: 100_000 };
    const around = { around: this.#anyId(), radius: 100_000 };
    return this.#random.pick([
      circle,
      around,
      {},
      { bbox: WORLD.join() },
      { bbox: `${lng},${lat},${lng + 1},${lat + 1}` },
    ]);
  }

  #query(area: Area): string {
    return Object.entries(area)
      .map(([name, value]) => `${name}=${value}`)
      .join('&');
  }

  /** All pages of an area. */
  async #list(): Promise<void> {
    const accept = this.#random.pick(['application/json', 'application/json', 'application/geo+json']);
    const token = this.#token;
    let path: string | undefined = `/v1/drivers?limit=${1 + this.#random.below(4)}&${this.#query(this.#area())}`;
    while (path !== undefined) {
      const { status, text } = await this.#get(path, token, { accept });
      path = status === 200 ? JSON.parse(text).next : undefined;
    }
  }

  async #near(): Promise<void> {
    const { lat, lng } = this.#random.pick([this.marks, this.#other?.marks ?? this.marks]);
    await this.#get(`/v1/drivers/nearby?latitude=${lat}.5&longitude=${lng}.5&radius=100000`, this.#token);
  }

  async #search(): Promise<void> {
    const polygon = { type: 'Polygon', coordinates: [RING] };
    const where = this.#random.pick([undefined, { of: [this.marks.secret, this.#other?.marks.secret ?? ''] }]);
    const { status, text } = await this.#ask('POST', '/v1/drivers/search', this.#token, {}, { polygon });
    // By a share that was ended it is refused.
    if (status !== 200 && status !== 401) this.ear.leaks.push(`a search is answered ${status}: ${text}`);
    if (where === undefined) return;
    await this.#ask('POST', '/v1/drivers/search?limit=1', this.#token, {}, { polygon, where });
  }

  async #cells(): Promise<void> {
    const resolution = this.#random.below(12);
    await this.#get(`/v1/cells?resolution=${resolution}&${this.#query(this.#area())}`, this.#token);
    const { text } = await this.#get('/v1/cells?resolution=0');
    const counted = [...text.matchAll(/"count":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    if (counted !== this.drivers.size) this.ear.leaks.push(`${counted} are counted, not ${this.drivers.size}`);
  }

  async #track(): Promise<void> {
    const accept = this.#random.pick(['application/geo+json', 'text/csv', 'application/gpx+xml']);
    const limit = this.#random.pick([2, 1000]);
    await this.#get(`/v1/drivers/${this.#anyId()}/track?limit=${limit}`, this.#tokens[0], { accept });
  }

  /** A cursor of its own or of the other, or rubbish, or none. */
  #cursor(): string | undefined {
    const [own, others] = [this.cursors, this.#other?.cursors ?? []];
    return this.#random.pick([undefined, own.at(-1), this.#random.pick(own), others.at(-1), this.#random.pick(others)]);
  }

  /** Begins, changes or ends subscriptions. */
  async #watch(): Promise<void> {
    const subscription = this.#random.pick(['a', 'b', 'c']);
    const { bbox, ...rest } = this.#area();
    const area = { ...rest, ...(bbox === undefined ? {} : { bbox: String(bbox).split(',').map(Number) }) };
    const type = this.#random.pick(['subscribe', 'subscribe', 'subscribe', 'update', 'unsubscribe']);
    const cursor = type === 'subscribe' ? this.#cursor() : undefined;
    // A subscription that goes on from what it was not told believes nothing that it could be judged by.
    if (type === 'subscribe') this.#client.beliefs.delete(subscription);
    this.#client.send({ type, subscription, cursor, ...(type === 'unsubscribe' ? {} : area) });
    await this.#client.settled();
  }

  async #reopenStream(): Promise<void> {
    const { belief, lastId } = this.#stream;
    this.#stream.destroy();
    await this.#stream.ended;
    const foreign = this.#random.pick(this.#other?.cursors ?? []);
    if (foreign !== undefined && this.#random.below(2) === 0) {
      this.#stream = await this.#openStream('/v1/stream', { 'last-event-id': foreign });
    } else this.#stream = await this.#openStream('/v1/stream', lastId && { 'last-event-id': lastId }, belief);
    await this.#stream.until(() => this.#stream.belief.cursor !== undefined);
  }

  async #changes(): Promise<void> {
    const { cursor } = this.#poll;
    const more = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { text } = await this.#get(`/v1/changes?wait=0${more}`);
    this.#poll.hear(JSON.parse(text));
    const foreign = this.#cursor();
    if (foreign === undefined) return;
    await this.#get(
      `/v1/changes?wait=0&cursor=${encodeURIComponent(foreign)}&${this.#query(this.#area())}`,
      this.#token,
    );
  }

  /** Waits for a change while others go on. */
  async #hang(): Promise<void> {
    const cursor = this.#poll.cursor;
    if (cursor === undefined || this.#hanging.size > 1) return;
    const waiting: Promise<unknown> = this.#get(`/v1/changes?wait=1&cursor=${encodeURIComponent(cursor)}`).finally(() =>
      this.#hanging.delete(waiting),
    );
    this.#hanging.add(waiting);
  }

  async #replay(): Promise<void> {
    const mark = this.#cursor();
    const path = `/v1/replay?from=${this.#since - 1}&speed=3600&${this.#query(this.#area())}`;
    const stream = await this.#openStream(path, mark === undefined ? {} : { 'last-event-id': mark });
    await stream.ended;
  }

  async #metrics(): Promise<void> {
    const { text } = await this.#get('/metrics');
    this.ear.hearOfNobody('metrics', text);
  }

  /** Says what is wrong, and hears what is said about it. */
  async #blunder(): Promise<void> {
    const foreign = this.#foreignIds[0];
    const wrongs: (() => Promise<unknown>)[] = [
      () => this.#get(`/v1/drivers/${foreign}/nothing`),
      () => this.#get('/v1/drivers/nearby?latitude=x'),
      () => this.#get(`/v1/drivers?after=${'x'.repeat(200)}`),
      () => this.#get(`/v1/drivers?around=${foreign}&radius=1`),
      () => this.#get('/v1/stream?bbox=1'),
      () => this.#get('/v1/replay?from=x'),
      () => this.#ask('POST', '/v1/positions', this.#tokens[0], {}, { positions: 1 }),
      () => this.#ask('POST', '/v1/positions', `${this.#tokens[0]}x`, {}, {}),
    ];
    await this.#random.pick(wrongs)();
    this.#client.send(this.#random.pick(['{', '[]', '{"type":"?"}', '{"type":"update","subscription":"z"}']));
    await this.#client.settled();
  }

  /** Asks for the next page of what the other asked. */
  async #follow(): Promise<void> {
    const next = this.#random.pick(this.#other?.nextPaths ?? []);
    if (next !== undefined) await this.#get(next, this.#token);
  }

  /** A connection of its own is given the other's token: it is closed, and has told nothing. */
  async #takeOver(): Promise<void> {
    const client = await this.#connect(this.#tokens[0], 'websocket taken over');
    if (this.#random.below(2) === 0) client.send({ type: 'subscribe', subscription: 'all' });
    client.send({ type: 'authenticate', token: this.#other?.tokenToTry });
    client.send({ type: 'subscribe', subscription: 'more' });
    const { code } = await client.closed;
    if (code !== 4403) this.ear.leaks.push(`a connection that was given the other's token is closed with ${code}`);
  }

  /** Gives away what it sees. */
  async #share(): Promise<void> {
    const { lat, lng } = this.#random.pick([this.marks, this.#other?.marks ?? this.marks]);
    const circle = { latitude: lat + 0.5, longitude: lng + 0.5, radius: 60_000 };
    const shown = this.#random.pick([circle, { driverId: this.#anyId() }]);
    const wish = { ...shown, label: this.marks.secret, expiresIn: 600 };
    const { status, text } = await this.#ask('POST', '/v1/shares', this.#random.pick(this.#tokens), {}, wish);
    // What reaches out of what a token sees is refused.
    if (status !== 201) return;
    const { id, token } = JSON.parse(text);
    keep(this.#shares, token);
    keep(this.shareIds, id);
  }

  /** Watches for a moment by a share, in all ways. */
  async #comeByShare(): Promise<void> {
    const share = this.#random.pick(this.#shares);
    if (share === undefined) return;
    const client = await this.#connect(share, 'websocket by share');
    client.send({ type: 'subscribe', subscription: 'all', cursor: this.#cursor() });
    client.send({ type: 'subscribe', subscription: 'some', around: this.#anyId(), radius: 1_000 });
    await Promise.race([client.settled().catch(() => {}), client.closed]);
    client.socket.terminate();
    await this.#get(`/v1/changes?wait=0&${this.#query(this.#area())}`, share);
    await this.#get(`/v1/drivers/${this.#anyId()}/track`, share);
  }

  async #lookThroughShares(): Promise<void> {
    await this.#get('/v1/revocations');
    let path: string | undefined = '/v1/shares?limit=2';
    while (path !== undefined) {
      const { text } = await this.#get(path);
      path = JSON.parse(text).next;
    }
  }

  /** Ends one of its shares, or tries to end one of the other's. */
  async #endShare(): Promise<void> {
    const foreign = this.#random.pick(this.#other?.shareIds ?? []);
    if (foreign !== undefined) {
      const { status } = await this.#ask('DELETE', `/v1/shares/${foreign}`);
      if (status !== 404) this.ear.leaks.push(`the end of the other's share is answered ${status}`);
    }
    const own = this.shareIds.pop();
    if (own === undefined) return;
    const { status } = await this.#ask('DELETE', `/v1/shares/${own}`);
    if (status !== 204) this.ear.leaks.push(`the end of its own share is answered ${status}`);
  }

  /** Revokes tokens that are called as the other's are; its own of that name are none. */
  async #revoke(): Promise<void> {
    const wish = { jti: this.#other?.tokenId, expiresAt: Date.now() + 60_000 };
    const { status, text } = await this.#ask('POST', '/v1/revocations', this.#tokens[0], {}, wish);
    if (status !== 204) this.ear.leaks.push(`a revocation is answered ${status}: ${text}`);
  }

  get tokenToTry(): string {
    return this.#tokens[0];
  }
}

/** Keeps the newest few of a list. */
function keep(list: string[], one: string): void {
  if (list.at(-1) === one) return;
  list.push(one);
  if (list.length > 50) list.shift();
}

function describe(drivers: ReadonlyMap<string, Place>): string {
  return [...drivers]
    .map(([id, { lat, lng }]) => `${id} ${lat} ${lng}`)
    .sort()
    .join();
}

function believed({ drivers }: Belief): string {
  return describe(new Map([...drivers].map(([id, one]) => [id, { lat: one.latitude, lng: one.longitude }])));
}
