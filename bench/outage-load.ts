import { mintToken } from '../src/auth/tokens.ts';
import { seededRandom } from '../src/sim/random.ts';
import type { DriverLedger, Entry, Ledger, SentFix, Word } from '../test/crash/ledger.ts';
import { FrameClient } from './frame-client.ts';
import { Histogram } from './histogram.ts';
import { METRES_A_DEGREE } from './places.ts';

/** Who sends, watches and asks, and how often. */
export interface OutageLoadOptions {
  readonly port: number;
  readonly secret: string;
  readonly seed: number;
  /** With a connection each. */
  readonly drivers: number;
  /** Seconds between two fixes of a driver. */
  readonly interval: number;
  readonly watchers: number;
  /** Nearby queries a second. */
  readonly queries: number;
}

/** What happened since the last look. */
export interface Seen {
  readonly seconds: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly pushes: Histogram;
  readonly nearby: Histogram;
}

export const FLEET = 'default';
const CENTRE = { lat: 45.4642, lng: 9.19 };
/** Degrees: the drivers are spread over about 20 km. */
const SPREAD = 0.1;
/** Metres: of a watcher's circle and of a query's, and what a driver moves with each fix at the most. */
const RADIUS = 1_500;
const STRIDE = 14;
/** Connections being opened at the same time. */
const OPENING = 50;
/** Milliseconds between two handfuls of fixes. */
const TICK = 10;
const DAY = 86_400;

interface Sender {
  readonly client: FrameClient;
  readonly ledger: DriverLedger;
  /** What waits for its acknowledgement, by its id. */
  readonly waiting: Map<number, Entry>;
  lat: number;
  lng: number;
  sentAt: number;
  last: SentFix | undefined;
}

interface Position {
  readonly driverId: string;
  readonly timestamp: number;
}

/** Drivers that send at a steady rate whatever the server says, watchers, and questions, all with the time taken. */
export class OutageLoad {
  /** What was wrong. */
  readonly faults = new Set<string>();
  readonly #options: OutageLoadOptions;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  readonly #senders: Sender[] = [];
  readonly #byId = new Map<string, Sender>();
  readonly #watchers: FrameClient[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #pushes = new Histogram();
  #nearby = new Histogram();
  #since = 0;
  #sent = 0;
  #acknowledged = 0;
  #refused = 0;
  #ids = 0;
  #due = 0;
  #next = 0;

  static async open(options: OutageLoadOptions, ledger: Ledger): Promise<OutageLoad> {
    const load = new OutageLoad(options, ledger);
    const openAll = async (count: number, open: (n: number) => Promise<void>) => {
      let n = 0;
      const opener = async () => {
        while (n < count) await open(n++);
      };
      await Promise.all(Array.from({ length: OPENING }, opener));
    };
    await openAll(options.drivers, (n) => load.#openDriver(n));
    await openAll(options.watchers, (n) => load.#openWatcher(n));
    return load;
  }

  private constructor(options: OutageLoadOptions, ledger: Ledger) {
    this.#options = options;
    this.#ledger = ledger;
    this.#random = seededRandom(options.seed);
  }

  /** How many fixes are not answered. */
  get waiting(): number {
    return this.#senders.reduce((sum, { waiting }) => sum + waiting.size, 0);
  }

  begin(): void {
    const { drivers, interval, queries } = this.#options;
    let last = performance.now();
    this.look();
    this.#timers.push(
      setInterval(() => {
        const now = performance.now();
        this.#due += ((now - last) / 1000) * (drivers / interval);
        last = now;
        for (; this.#due >= 1; this.#due--) this.#send();
      }, TICK),
      setInterval(() => void this.#ask(), 1000 / queries),
    );
  }

  /** Sends and asks no more. */
  end(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** What happened since the last look. */
  look(): Seen {
    const now = performance.now();
    const seen = {
      seconds: (now - this.#since) / 1000,
      sent: this.#sent,
      acknowledged: this.#acknowledged,
      refused: this.#refused,
      pushes: this.#pushes,
      nearby: this.#nearby,
    };
    this.#since = now;
    this.#sent = this.#acknowledged = this.#refused = 0;
    this.#pushes = new Histogram();
    this.#nearby = new Histogram();
    return seen;
  }

  close(): void {
    this.end();
    for (const { client } of this.#senders) client.close();
    for (const client of this.#watchers) client.close();
  }

  async #openDriver(n: number): Promise<void> {
    const driverId = `driver-${n}`;
    const token = this.#token(driverId, 'positions:write');
    const client = await this.#open(token, (text) => this.#hear(sender, text));
    const sender: Sender = {
      client,
      ledger: this.#ledger.driver(FLEET, driverId),
      waiting: new Map(),
      ...this.#place(),
      sentAt: 0,
      last: undefined,
    };
    this.#senders.push(sender);
    this.#byId.set(driverId, sender);
  }

  async #openWatcher(n: number): Promise<void> {
    const client = await this.#open(this.#token(`watcher-${n}`, 'positions:read'), (text) => this.#watch(text));
    const { lat: latitude, lng: longitude } = this.#place();
    client.send(JSON.stringify({ type: 'subscribe', subscription: 'w', latitude, longitude, radius: RADIUS }));
    this.#watchers.push(client);
  }

  #open(token: string, text: (text: string) => void): Promise<FrameClient> {
    const closed = (why: string) => this.faults.add(`a connection was closed: ${why}`);
    return FrameClient.open(this.#options.port, '/ws', { authorization: `Bearer ${token}` }, { text, closed });
  }

  #send(): void {
    const sender = this.#senders[this.#next];
    this.#next = (this.#next + 1) % this.#senders.length;
    const move = () => ((2 * this.#random() - 1) * STRIDE) / METRES_A_DEGREE;
    sender.lat += move();
    sender.lng += move();
    const { driverId } = sender.ledger;
    const timestamp = Math.max(Date.now(), (sender.last?.timestamp ?? 0) + 1);
    const attributes = { status: 'available', seats: 4 };
    const fix = { driverId, latitude: sender.lat, longitude: sender.lng, timestamp, speed: 8.2, attributes };
    const id = ++this.#ids;
    sender.waiting.set(id, sender.ledger.send(fix));
    sender.last = fix;
    sender.sentAt = performance.now();
    sender.client.send(JSON.stringify({ ...fix, id }));
    this.#sent++;
  }

  #hear({ ledger, waiting }: Sender, text: string): void {
    const { type, id, verdict, code } = JSON.parse(text);
    const entry = waiting.get(id);
    waiting.delete(id);
    if (type === 'ack' && entry !== undefined && verdict === 'accepted') {
      ledger.settle(entry, verdict as Word);
      this.#acknowledged++;
    } else if (code === 'unavailable' && entry !== undefined) {
      ledger.refuse(entry);
      this.#refused++;
    } else this.faults.add(`an answer to a driver: ${text}`);
  }

  #watch(text: string): void {
    const now = performance.now();
    const { type, enter = [], move = [] } = JSON.parse(text);
    if (type === 'error') this.faults.add(`an answer to a watcher: ${text}`);
    if (type !== 'changes') return;
    for (const { driverId, timestamp } of [...enter, ...move] as Position[]) {
      const sender = this.#byId.get(driverId);
      // It may have sent again meanwhile.
      if (sender?.last?.timestamp === timestamp) this.#pushes.add(now - sender.sentAt);
    }
  }

  async #ask(): Promise<void> {
    const { lat, lng } = this.#place();
    const { port } = this.#options;
    const from = performance.now();
    try {
      const answer = await fetch(
        `http://127.0.0.1:${port}/v1/drivers/nearby?latitude=${lat}&longitude=${lng}&radius=${RADIUS}`,
        { headers: { authorization: `Bearer ${this.#reader}` } },
      );
      await answer.arrayBuffer();
      this.#nearby.add(performance.now() - from);
      if (answer.status !== 200) this.faults.add(`nearby is answered by ${answer.status}`);
    } catch (error) {
      this.faults.add(`nearby: ${(error as Error).message}`);
    }
  }

  #place(): { lat: number; lng: number } {
    const around = (centre: number) => centre + SPREAD * (2 * this.#random() - 1);
    return { lat: around(CENTRE.lat), lng: around(CENTRE.lng) };
  }

  get #reader(): string {
    this.#readerToken ??= this.#token('reader', 'positions:read');
    return this.#readerToken;
  }

  #readerToken: string | undefined;

  #token(sub: string, scope: string): string {
    return mintToken(this.#options.secret, { sub, scope, ttlSeconds: DAY });
  }
}
