/** A fix as it was sent, in the words of the wire. */
export interface SentFix {
  readonly driverId: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly timestamp: number;
  readonly accuracy?: number;
  readonly altitude?: number;
  readonly heading?: number;
  readonly speed?: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
}

/** What a server said of a fix, or of a driver that was to go off duty. Nothing said: it may have been stored or not. */
export type Word = 'accepted' | 'late' | 'duplicate' | 'gone' | 'unknown';

/** Something sent to a server, and what it said. */
export interface Entry {
  /** Absent: the driver goes off duty. */
  readonly fix?: SentFix;
  word?: Word;
}

/** All that is known of one driver. */
export class DriverLedger {
  readonly fleet: string;
  readonly driverId: string;
  /** What was sent, by its timestamp: a fix that is sent again is the same. */
  readonly sent = new Map<number, SentFix>();
  /** The timestamps of which it was said that they are stored. */
  readonly stored = new Set<number>();
  /** Milliseconds of the epoch before which nothing was sent. */
  readonly since = Date.now();
  #entries: Entry[] = [];
  #from: number | undefined;

  constructor(fleet: string, driverId: string) {
    this.fleet = fleet;
    this.driverId = driverId;
  }

  /** To be called before a fix is sent, in the order in which the server gets them. */
  send(fix: SentFix): Entry {
    this.sent.set(fix.timestamp, fix);
    const entry = { fix };
    this.#entries.push(entry);
    return entry;
  }

  /** To be called before the driver is sent off duty, when all that was sent before has reached the server. */
  depart(): Entry {
    const entry = {};
    this.#entries.push(entry);
    return entry;
  }

  /** Takes down what the server said. */
  settle(entry: Entry, word: Word): void {
    entry.word = word;
    if (entry.fix !== undefined) this.stored.add(entry.fix.timestamp);
  }

  /** Takes down that the server did not take a fix, which was sent this once: it must be nowhere. */
  refuse(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (entry.fix !== undefined) this.sent.delete(entry.fix.timestamp);
  }

  /**
   * The timestamps that the position may have by the rules of the protocol, nothing for no position; none at all when
   * what was said cannot all be true.
   */
  possible(): ReadonlySet<number | undefined> {
    let states = new Set([this.#from]);
    for (const entry of this.#entries) states = after(states, entry);
    return states;
  }

  /** How many of the entries since the last look were answered, and how many not. */
  counts(): { readonly answered: number; readonly open: number } {
    const answered = this.#entries.filter(({ word }) => word !== undefined).length;
    return { answered, open: this.#entries.length - answered };
  }

  /** Goes on from what was found, now that the server to which the entries were sent is gone, or has answered them all. */
  found(timestamp: number | undefined): void {
    this.#from = timestamp;
    this.#entries = [];
  }
}

/** What may be the position after an entry, when it was one of `states` before. */
function after(states: ReadonlySet<number | undefined>, { fix, word }: Entry): Set<number | undefined> {
  const next = new Set<number | undefined>();
  for (const state of states) {
    if (fix === undefined) {
      if (word === undefined || (word === 'unknown' && state === undefined)) next.add(state);
      if (word === undefined || (word === 'gone' && state !== undefined)) next.add(undefined);
      continue;
    }
    const { timestamp } = fix;
    const newest = state === undefined || state < timestamp;
    if (word === undefined || (word === 'late' && !newest && state !== timestamp)) next.add(state);
    if (word === undefined || (word === 'duplicate' && state === timestamp)) next.add(state);
    if (newest && (word === undefined || word === 'accepted')) next.add(timestamp);
  }
  return next;
}

/** Everything that was sent to the servers of a database, and everything that they said. */
export class Ledger {
  readonly #drivers = new Map<string, DriverLedger>();

  driver(fleet: string, driverId: string): DriverLedger {
    const key = keyOf(fleet, driverId);
    let driver = this.#drivers.get(key);
    if (driver === undefined) {
      driver = new DriverLedger(fleet, driverId);
      this.#drivers.set(key, driver);
    }
    return driver;
  }

  find(fleet: string, driverId: string): DriverLedger | undefined {
    return this.#drivers.get(keyOf(fleet, driverId));
  }

  get drivers(): Iterable<DriverLedger> {
    return this.#drivers.values();
  }

  /** How much was answered since the last look, and how much not. */
  counts(): { readonly answered: number; readonly open: number } {
    let answered = 0;
    let open = 0;
    for (const driver of this.#drivers.values()) {
      const counts = driver.counts();
      answered += counts.answered;
      open += counts.open;
    }
    return { answered, open };
  }
}

function keyOf(fleet: string, driverId: string): string {
  return `${fleet}\n${driverId}`;
}
