import type { Fix, Verdict } from '../fix.ts';
import type { Driver } from './driver.ts';
import { Link } from './link.ts';
import type { Traffic } from './traffic.ts';

/** Connections being opened at the same time. */
const OPENING = 50;
/** Bytes waiting on a connection beyond which a fix is skipped, as a phone in a tunnel would. */
const MAX_BUFFERED = 1 << 20;

/** A fix with the time that the simulation gave it. */
export type SentFix = Fix & { readonly timestamp: number };

/** What a fleet is made of. */
export interface FleetSettings {
  /** The WebSocket's address. */
  readonly url: string;
  readonly traffic: Traffic;
  /** Epoch milliseconds of when the traffic began. Absent: as it is now when it starts. */
  readonly began?: number;
  /** Seconds between two fixes of a driver. */
  readonly interval: number;
  /** Makes the token of a connection; the subject is a driver's id, or a gateway's. */
  readonly token: (subject: string, scope: 'positions:write' | 'positions:write:any') => string;
  /** Connections that carry all drivers. 0 or absent: a connection for each driver. */
  readonly gateways?: number;
  /** One fix in so many asks for an acknowledgement. 0 or absent: none does. */
  readonly ackEvery?: number;
  /** Told of each acknowledgement. */
  readonly onAck?: (milliseconds: number, verdict: Verdict) => void;
  /** Told of each fix that was sent. */
  readonly onSent?: (fix: SentFix) => void;
  /** Told of each driver that goes off duty, once it sends no more. */
  readonly onOffDuty?: (driverId: string) => void;
  /** The first pause before connecting again, in milliseconds. */
  readonly minPause?: number;
}

/** A fix as it goes over the wire. @param id of the acknowledgement that is asked for */
export function toWire({ lat, lng, ...rest }: SentFix, id?: string): object {
  return { id, latitude: lat, longitude: lng, ...rest };
}

/** What a driver sends. @param timestamp epoch milliseconds */
export function fixOf(traffic: Traffic, n: number, timestamp: number): SentFix {
  const { driverId, speed, attributes } = traffic.drivers[n];
  const { lat, lng, heading } = traffic.read(n);
  return {
    driverId,
    // A ten-millionth of a degree is a centimetre.
    lat: Math.round(lat * 1e7) / 1e7,
    lng: Math.round(lng * 1e7) / 1e7,
    timestamp,
    accuracy: 5,
    heading: (Math.round(heading * 10) / 10) % 360,
    speed: Math.round(speed * 100) / 100,
    attributes,
  };
}

/** Simulated drivers that report over the public WebSocket API, evenly spread over the interval. */
export class Fleet {
  readonly counts = { sent: 0, skipped: 0, acknowledged: 0, errors: 0, reconnects: 0, failed: 0 };
  /** The latest error's text. */
  lastError: string | undefined;
  readonly drivers: readonly Driver[];
  readonly #settings: FleetSettings;
  readonly #links: Link[] = [];
  readonly #latest: Float64Array;
  /** Fixes whose acknowledgement is awaited: by id, the connection's number and when it was sent. */
  readonly #asked = new Map<string, { link: number; at: number }>();
  /** Those that have said that they are off duty. */
  readonly #away = new Set<number>();
  #quiet: (() => void) | undefined;
  #asks = 0;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  /** When the traffic began, by the clock that nobody sets. */
  #beganAt = 0;
  #turns = 0;
  #stopped = false;

  constructor(settings: FleetSettings) {
    this.#settings = settings;
    this.drivers = settings.traffic.drivers;
    this.#latest = new Float64Array(this.drivers.length);
  }

  /** Connections that are open now. */
  get connected(): number {
    return this.#links.reduce((count, link) => count + Number(link.isOpen), 0);
  }

  /** Times that an open connection was lost. */
  get losses(): number {
    return this.#links.reduce((count, link) => count + link.losses, 0);
  }

  /** Connections that there should be. */
  get connections(): number {
    return this.#settings.gateways || this.drivers.length;
  }

  /** Opens the connections, a few at a time, and starts to move. Resolves when each was opened once or has failed. */
  async start(): Promise<void> {
    const { gateways } = this.#settings;
    let n = 0;
    const opener = async () => {
      while (n < this.connections && !this.#stopped) {
        const mine = n++;
        if (gateways) await this.#open(mine, `gateway-${mine}`, 'positions:write:any');
        else await this.#open(mine, this.drivers[mine].driverId, 'positions:write');
      }
    };
    await Promise.all(Array.from({ length: OPENING }, opener));
    if (this.#stopped) return;
    this.#startedAt = performance.now();
    const { began, traffic } = this.#settings;
    this.#beganAt = this.#startedAt - (began === undefined ? traffic.time * 1000 : Date.now() - began);
    this.#timer = setTimeout(this.#tick, 0);
  }

  /** Stops to move; connections stay open. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** Sends where each driver is, once more, and resolves when the server has acknowledged it all. */
  settle(): Promise<void> {
    this.pause();
    for (let n = 0; n < this.drivers.length; n++) this.#send(n, true);
    return new Promise((resolve) => {
      this.#quiet = resolve;
      this.#checkQuiet();
    });
  }

  /** Closes all connections. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.pause();
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #open(n: number, subject: string, scope: 'positions:write' | 'positions:write:any'): Promise<void> {
    const { url, token, minPause } = this.#settings;
    let opened = 0;
    return new Promise((resolve) => {
      this.#links[n] = new Link(
        { url, token: () => token(subject, scope), minPause },
        {
          open: () => {
            if (opened++ > 0) this.counts.reconnects++;
            resolve();
          },
          message: (message) => this.#hear(message),
          lost: (reason) => {
            this.lastError = reason;
            this.#forget(n);
            // A server that is away must not keep the others from starting.
            resolve();
          },
          failed: (reason) => {
            this.counts.failed++;
            this.#fail(reason);
            this.#forget(n);
            resolve();
          },
        },
      );
    });
  }

  #tick = (): void => {
    const { interval } = this.#settings;
    const gap = (interval * 1000) / this.drivers.length;
    const now = performance.now();
    // After a stall nobody repeats what was missed: a device reports where it is, not where it would have been.
    this.#settings.traffic.advance((now - this.#beganAt) / 1000);
    const missed = Math.floor((now - this.#startedAt) / gap) - this.#turns - this.drivers.length;
    if (missed > 0) this.#turns += missed;
    while (this.#startedAt + this.#turns * gap <= now) this.#send(this.#turns++ % this.drivers.length, false);
    this.#timer = setTimeout(this.#tick, Math.max(1, this.#startedAt + this.#turns * gap - now));
  };

  #send(n: number, ask: boolean): void {
    const { traffic, gateways, ackEvery, onSent } = this.#settings;
    const { driverId } = this.drivers[n];
    const now = performance.now();
    const presence = traffic.move(n, (now - this.#beganAt) / 1000);
    if (presence !== 'on duty') {
      if (presence === 'off duty' && !this.#away.has(n)) {
        this.#away.add(n);
        this.#settings.onOffDuty?.(driverId);
      }
      return;
    }
    this.#away.delete(n);
    const connection = gateways ? n % gateways : n;
    const link = this.#links[connection];
    if (!link?.isOpen || link.bufferedAmount > MAX_BUFFERED) {
      this.counts.skipped++;
      return;
    }
    this.#latest[n] = Math.max(Date.now(), this.#latest[n] + 1);
    const fix = fixOf(traffic, n, this.#latest[n]);
    let id: string | undefined;
    if (ask || (ackEvery && this.#asks++ % ackEvery === 0)) {
      id = `${driverId}/${fix.timestamp}`;
      this.#asked.set(id, { link: connection, at: now });
    }
    link.send(JSON.stringify(toWire(fix, id)));
    this.counts.sent++;
    onSent?.(fix);
  }

  #hear(message: Record<string, unknown>): void {
    const id = String(message.id);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (message.type === 'ack' && message.verdict !== 'refused') {
      this.counts.acknowledged++;
      if (asked) this.#settings.onAck?.(performance.now() - asked.at, message.verdict as Verdict);
    } else if (message.type === 'ack' || message.type === 'error') {
      this.#fail(`${message.code}${message.message ? `: ${message.message}` : ''}`);
    }
    this.#checkQuiet();
  }

  /** The acknowledgements of a lost connection never come. */
  #forget(connection: number): void {
    for (const [id, asked] of this.#asked) if (asked.link === connection) this.#asked.delete(id);
    this.#checkQuiet();
  }

  #checkQuiet(): void {
    if (this.#asked.size === 0) this.#quiet?.();
  }

  #fail(reason: string): void {
    this.counts.errors++;
    this.lastError = reason;
  }
}
