import type { Position } from '../fix.ts';
import type { ColdPositions } from '../store/cold-positions.ts';
import type { Clock } from '../subscriptions/outbox.ts';
import type { ClusterStats } from './stats.ts';

/** Drivers that are looked up in one statement. */
const MAX_BATCH = 1_000;

/** Milliseconds after which nobody waits any longer: one that sends is not to be held up by a store that hangs. */
const PATIENCE = 2_000;

/** Drivers of one fleet that are looked up together. */
interface Batch {
  readonly driverIds: Set<string>;
  readonly done: Promise<void>;
}

/** Hears what came of drivers that were looked up. */
export interface Met {
  /** The store is asked now. @returns the revision of the fleet */
  asked(fleet: string): number;
  /** What the store holds of one, however long ago it was received. @param revision see {@link asked} */
  found(fleet: string, position: Position, revision: number): void;
  /** The store holds nothing of one. @param askedAt when it was asked, epoch milliseconds */
  missing(fleet: string, driverId: string, askedAt: number, revision: number): void;
}

/** Looks drivers up in the store, all of a fleet that are asked about in one turn together. */
export class Meetings {
  readonly #store: Pick<ColdPositions, 'byIds'>;
  readonly #stats: ClusterStats;
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  readonly #met: Met;
  readonly #next = new Map<string, Batch>();

  /** @param met is told what came of each */
  constructor(store: Pick<ColdPositions, 'byIds'>, stats: ClusterStats, clock: Pick<Clock, 'now' | 'after'>, met: Met) {
    this.#store = store;
    this.#stats = stats;
    this.#clock = clock;
    this.#met = met;
  }

  /**
   * Looks up drivers of a fleet.
   *
   * @returns resolves once what the store holds of them was handed over @throws {StoreUnavailable}
   */
  meet(fleet: string, driverIds: Iterable<string>): Promise<void> {
    let batch = this.#next.get(fleet);
    if (batch === undefined) {
      const ids = new Set<string>();
      const done = new Promise(setImmediate).then(() => {
        this.#next.delete(fleet);
        return this.#look(fleet, [...ids]);
      });
      batch = { driverIds: ids, done };
      this.#next.set(fleet, batch);
    }
    for (const driverId of driverIds) batch.driverIds.add(driverId);
    return batch.done;
  }

  /**
   * The same, for those who would rather go on with what is known than wait for long. Never rejects; resolves with whether it
   * is known now.
   *
   * @param first what is waited for before the store is asked
   */
  async meetSoon(fleet: string, driverIds: Iterable<string>, first: Promise<unknown> | undefined): Promise<boolean> {
    let cancel: (() => void) | undefined;
    const tired = new Promise<false>((resolve) => {
      cancel = this.#clock.after(PATIENCE, () => resolve(false));
    });
    // The store is away: what is known is all that can be had.
    const met = first === undefined ? this.meet(fleet, driverIds) : first.then(() => this.meet(fleet, driverIds));
    const isMet = met.then(
      () => true,
      () => false,
    );
    const result = await Promise.race([isMet, tired]);
    cancel?.();
    return result;
  }

  async #look(fleet: string, driverIds: readonly string[]): Promise<void> {
    for (let i = 0; i < driverIds.length; i += MAX_BATCH) {
      const some = driverIds.slice(i, i + MAX_BATCH);
      this.#stats.met += some.length;
      const missing = new Set(some);
      const askedAt = this.#clock.now();
      const revision = this.#met.asked(fleet);
      for (const position of await this.#store.byIds(fleet, some, Number.NEGATIVE_INFINITY)) {
        missing.delete(position.driverId);
        this.#met.found(fleet, position, revision);
      }
      for (const driverId of missing) this.#met.missing(fleet, driverId, askedAt, revision);
    }
  }
}
