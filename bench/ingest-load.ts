import { mintToken } from '../src/auth/tokens.ts';
import { seededRandom } from '../src/sim/random.ts';
import { FrameClient } from './frame-client.ts';
import { Histogram } from './histogram.ts';
import { METRES_A_DEGREE } from './places.ts';

/** What a turn brought. */
export interface IngestTurn {
  readonly perSecond: number;
  /** Acknowledgements, those after the end included. */
  readonly acks: number;
  readonly latencies: Histogram;
}

/** Who sends, and how. */
export interface IngestLoadOptions {
  readonly port: number;
  readonly secret: string;
  readonly sockets: number;
  /** Fixes of a connection that may be unacknowledged. */
  readonly window: number;
  readonly seed: number;
}

const CENTRE = { lat: 45.4642, lng: 9.19 };
/** Degrees: the drivers are spread over about 20 km. */
const SPREAD = 0.1;
/** Metres that a driver moves with each fix, at the most. */
const STRIDE = 14;
/** Degrees: 7 decimals are a centimetre, which is what phones send. */
const DEGREES = 1e7;
/** Connections being opened at the same time. */
const OPENING = 50;
/** Milliseconds until what was sent must be acknowledged. */
const PATIENCE = 20_000;
const DAY = 86_400;

interface Sender {
  readonly client: FrameClient;
  readonly driverId: string;
  readonly sentAt: Float64Array;
  lat: number;
  lng: number;
  timestamp: number;
  sent: number;
  acked: number;
}

/** Drivers with a connection each, who send as fast as their fixes are acknowledged. */
export class IngestLoad {
  readonly #options: IngestLoadOptions;
  readonly #random: () => number;
  readonly #senders: Sender[] = [];
  readonly #faults = new Set<string>();
  #latencies = new Histogram();
  #endsAt = 0;
  #counted = 0;
  #acks = 0;
  #unacked = 0;
  #quiet: (() => void) | undefined;

  private constructor(options: IngestLoadOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  static async open(options: IngestLoadOptions): Promise<IngestLoad> {
    const load = new IngestLoad(options);
    let n = 0;
    const opener = async () => {
      while (n < options.sockets) await load.#open(n++);
    };
    await Promise.all(Array.from({ length: OPENING }, opener));
    return load;
  }

  /** Keeps every connection's window full for a while, and waits until all is acknowledged. @throws {Error} */
  async run(seconds: number): Promise<IngestTurn> {
    this.#latencies = new Histogram();
    this.#counted = 0;
    this.#acks = 0;
    const startedAt = performance.now();
    this.#endsAt = startedAt + 1000 * seconds;
    for (const sender of this.#senders) {
      for (let i = 0; i < this.#options.window; i++) this.#queue(sender, performance.now());
      sender.client.flush();
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('not all was acknowledged')), 1000 * seconds + PATIENCE);
      this.#quiet = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (this.#faults.size > 0) throw new Error(`WRONG: ${[...this.#faults].join('; ')}`);
    return { perSecond: this.#counted / seconds, acks: this.#acks, latencies: this.#latencies };
  }

  /** Asks a server for each driver: it must be where its last fix was. @throws {Error} */
  async verify(): Promise<void> {
    const { port, secret } = this.#options;
    const token = mintToken(secret, { sub: 'judge', scope: 'positions:read', ttlSeconds: DAY });
    for (const { driverId, lat, lng, timestamp } of this.#senders) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/drivers/${driverId}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { latitude, longitude, timestamp: at } = (await answer.json()) as Record<string, number>;
      if (latitude !== lat || longitude !== lng || at !== timestamp) {
        throw new Error(`WRONG: ${driverId} is known at ${latitude},${longitude}, and not at ${lat},${lng}`);
      }
    }
  }

  close(): void {
    for (const { client } of this.#senders) client.close();
  }

  async #open(n: number): Promise<void> {
    const { port, secret, window } = this.#options;
    const driverId = `driver-${String(n).padStart(5, '0')}`;
    const token = mintToken(secret, { sub: driverId, scope: 'positions:write', ttlSeconds: DAY });
    const client = await FrameClient.open(
      port,
      '/ws',
      { authorization: `Bearer ${token}` },
      {
        text: (text) => this.#hear(sender, text),
        // What came in one piece is answered in one.
        told: (connection) => connection.flush(),
        closed: (why) => this.#fail(`a connection was closed: ${why}`),
      },
    );
    const sender: Sender = {
      client,
      driverId,
      sentAt: new Float64Array(window),
      lat: round(CENTRE.lat + SPREAD * (2 * this.#random() - 1)),
      lng: round(CENTRE.lng + SPREAD * (2 * this.#random() - 1)),
      timestamp: 0,
      sent: 0,
      acked: 0,
    };
    this.#senders.push(sender);
  }

  #queue(sender: Sender, now: number): void {
    const move = () => ((2 * this.#random() - 1) * STRIDE) / METRES_A_DEGREE;
    sender.lat = round(sender.lat + move());
    sender.lng = round(sender.lng + move());
    sender.timestamp = Math.max(Date.now(), sender.timestamp + 1);
    const id = sender.sent++;
    sender.sentAt[id % this.#options.window] = now;
    this.#unacked++;
    sender.client.queue(
      `{"id":${id},"driverId":"${sender.driverId}","latitude":${sender.lat},"longitude":${sender.lng},"timestamp":${sender.timestamp},"accuracy":5,"heading":270,"speed":8.2,"attributes":{"status":"available","seats":4}}`,
    );
  }

  #hear(sender: Sender, text: string): void {
    const now = performance.now();
    const id = sender.acked++;
    if (text !== `{"type":"ack","id":${id},"verdict":"accepted"}`)
      this.#fail(`not an acknowledgement of ${id}: ${text}`);
    this.#acks++;
    this.#unacked--;
    if (now < this.#endsAt) {
      this.#counted++;
      this.#latencies.add(now - sender.sentAt[id % this.#options.window]);
      this.#queue(sender, now);
    } else if (this.#unacked === 0) this.#quiet?.();
  }

  #fail(fault: string): void {
    this.#faults.add(fault);
    this.#quiet?.();
  }
}

function round(degrees: number): number {
  return Math.round(degrees * DEGREES) / DEGREES;
}
