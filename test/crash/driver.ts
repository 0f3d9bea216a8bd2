import type { Random } from '../support/random.ts';
import type { DriverLedger, SentFix } from './ledger.ts';

/** Milliseconds back from now that a late fix may be dated: over some midnights, so that it has a partition of its own. */
const LATEST = 3 * 86_400_000;
/** Shares of what a driver sends: an older fix than the last, the last again, any earlier one again. */
const LATE = 0.08;
const TWICE = 0.04;
const AGAIN = 0.03;
const ANYWHERE = 0.1;
const CENTRE = { lat: -36.85, lng: 174.76 };

/** Makes up what a driver sends. */
export class Driver {
  readonly ledger: DriverLedger;
  readonly #random: Random;
  #last: SentFix | undefined;

  constructor(ledger: DriverLedger, random: Random) {
    this.ledger = ledger;
    this.#random = random;
  }

  /** What it sends next: mostly a new fix. */
  next(): SentFix {
    const { sent } = this.ledger;
    const random = this.#random;
    const kind = random.next();
    if (this.#last !== undefined && kind < TWICE) return this.#last;
    if (sent.size > 0 && kind < TWICE + AGAIN) return random.pick([...sent.values()]);
    let timestamp = Date.now();
    if (kind < TWICE + AGAIN + LATE) timestamp -= random.below(LATEST);
    while (sent.has(timestamp)) timestamp++;
    this.#last = this.#fix(timestamp);
    // The next of the same message must not have its timestamp.
    sent.set(timestamp, this.#last);
    return this.#last;
  }

  #fix(timestamp: number): SentFix {
    const random = this.#random;
    const maybe = (make: () => number) => (random.next() < 0.5 ? make() : undefined);
    const [lat, lng] =
      random.next() < ANYWHERE
        ? random.place()
        : [CENTRE.lat + random.between(-0.1, 0.1), CENTRE.lng + random.between(-0.1, 0.1)];
    return {
      driverId: this.ledger.driverId,
      latitude: lat,
      longitude: lng,
      timestamp,
      accuracy: maybe(() => random.between(0, 100)),
      altitude: maybe(() => random.between(-400, 9000)),
      heading: maybe(() => random.between(0, 360)),
      speed: maybe(() => random.between(0, 60)),
      attributes: random.next() < 0.8 ? this.#attributes() : undefined,
    };
  }

  #attributes(): NonNullable<SentFix['attributes']> {
    const random = this.#random;
    const kinds = [
      () => random.pick(['free', 'besetzt', '空車', 'a "b" \\ c', '']),
      () => random.between(-1e9, 1e9),
      () => random.below(9),
      () => random.next() < 0.5,
    ];
    return Object.fromEntries(Array.from({ length: random.below(5) }, (_, i) => [`key ${i}`, random.pick(kinds)()]));
  }
}
