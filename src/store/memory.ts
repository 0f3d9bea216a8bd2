import { isForgotten, isNewer, outcomeOf } from './outcome.ts';
import type { Entry, Store, StoredFix } from './store.ts';

/** Rows handed out at a time: small, so that readers meet more than one batch. */
const LOAD_BATCH = 1_000;

/** A store that forgets: for tests and benchmarks of what stands on a store. */
export class MemoryStore implements Store {
  readonly #fleets = new Map<string, Map<string, StoredFix>>();
  /** By fleet, then by driver and timestamp. */
  readonly #history = new Map<string, Map<string, StoredFix>>();
  readonly #staleAfter: number;
  readonly #keptSince: number;

  /**
   * @param staleAfter milliseconds after which a driver of whom nothing was received is forgotten
   * @param keptSince epoch milliseconds; fixes that are not dated before are kept
   */
  constructor(staleAfter = Number.POSITIVE_INFINITY, keptSince = Number.POSITIVE_INFINITY) {
    this.#staleAfter = staleAfter;
    this.#keptSince = keptSince;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    this.#remember(entries);
    const { latest, cleared, removed } = outcomeOf(entries, this.#staleAfter);
    for (const removal of [...cleared, ...removed]) {
      const held = this.#fleet(removal.fleet).get(removal.driverId);
      if (held !== undefined && isForgotten(removal, held)) this.#fleet(removal.fleet).delete(removal.driverId);
    }
    for (const fix of latest) {
      const held = this.#fleet(fix.fleet).get(fix.driverId);
      if (held === undefined || isNewer(fix, held, this.#staleAfter)) this.#fleet(fix.fleet).set(fix.driverId, fix);
    }
  }

  async *loadPositions(since: number): AsyncGenerator<readonly StoredFix[]> {
    let batch: StoredFix[] = [];
    for (const drivers of this.#fleets.values()) {
      for (const row of drivers.values()) {
        if (row.receivedAt < since) continue;
        batch.push(row);
        if (batch.length < LOAD_BATCH) continue;
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }

  /** The positions of a fleet, in no stated order. */
  positionsOf(fleet: string): readonly StoredFix[] {
    return [...(this.#fleets.get(fleet)?.values() ?? [])];
  }

  /** The history of a fleet, in no stated order. */
  fixesOf(fleet: string): readonly StoredFix[] {
    return [...(this.#history.get(fleet)?.values() ?? [])];
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  #fleet(name: string): Map<string, StoredFix> {
    let drivers = this.#fleets.get(name);
    if (drivers === undefined) {
      drivers = new Map();
      this.#fleets.set(name, drivers);
    }
    return drivers;
  }

  #remember(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind === 'removal' || entry.fix.timestamp < this.#keptSince) continue;
      const { fix } = entry;
      const fixes = this.#history.get(fix.fleet) ?? new Map<string, StoredFix>();
      this.#history.set(fix.fleet, fixes);
      const key = `${fix.timestamp} ${fix.driverId}`;
      if (!fixes.has(key)) fixes.set(key, fix);
    }
  }
}
