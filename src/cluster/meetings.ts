import type { Position } from '../fix.ts';
import type { ColdPositions } from '../store/cold-positions.ts';
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

/** Looks drivers up in the store, all of a fleet that are asked about in one turn together. */
export class Meetings {
  readonly #store: Pick<ColdPositions, 'byIds'>;
  readonly #stats: ClusterStats;
  readonly #found: (fleet: string, position: Position) => void;
  readonly #next = new Map<string, Batch>();

  /** @param found is given what the store holds of those that were asked about */
  constructor(
    store: Pick<ColdPositions, 'byIds'>,
    stats: ClusterStats,
    found: (fleet: string, position: Position) => void,
  ) {
    this.#store = store;
    this.#stats = stats;
    this.#found = found;
  }

  /**
   * Looks up drivers of a fleet.
   *
   * @param since who was last received before (epoch milliseconds) is stale, and not found
   * @returns resolves once what the store holds of them was handed over @throws {StoreUnavailable}
   */
  meet(fleet: string, driverIds: Iterable<string>, since: number): Promise<void> {
    let batch = this.#next.get(fleet);
    if (batch === undefined) {
      const ids = new Set<string>();
      const done = new Promise(setImmediate).then(() => {
        this.#next.delete(fleet);
        return this.#look(fleet, [...ids], since);
      });
      batch = { driverIds: ids, done };
      this.#next.set(fleet, batch);
    }
    for (const driverId of driverIds) batch.driverIds.add(driverId);
    return batch.done;
  }

  /** The same, for those who would rather go on with what is known than wait for long. Never rejects. */
  async meetSoon(fleet: string, driverIds: Iterable<string>, since: number): Promise<void> {
    let patience: NodeJS.Timeout | undefined;
    const tired = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, PATIENCE);
    });
    // The store is away: what is known is all that can be had.
    await Promise.race([this.meet(fleet, driverIds, since).catch(() => {}), tired]);
    clearTimeout(patience);
  }

  async #look(fleet: string, driverIds: readonly string[], since: number): Promise<void> {
    for (let i = 0; i < driverIds.length; i += MAX_BATCH) {
      const some = driverIds.slice(i, i + MAX_BATCH);
      this.#stats.met += some.length;
      for (const position of await this.#store.byIds(fleet, some, since)) this.#found(fleet, position);
    }
  }
}
