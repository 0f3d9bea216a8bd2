import type { DriverKey, Store, StoredPosition } from './store.ts';

/** Rows handed out at a time: small, so that readers meet more than one batch. */
const LOAD_BATCH = 1_000;

/** A store that forgets: for tests and benchmarks of what stands on a store. */
export class MemoryStore implements Store {
  readonly #fleets = new Map<string, Map<string, StoredPosition>>();
  readonly #staleAfter: number;

  /** @param staleAfter milliseconds after which a driver of whom nothing was received is forgotten */
  constructor(staleAfter = Number.POSITIVE_INFINITY) {
    this.#staleAfter = staleAfter;
  }

  async writePositions(rows: readonly StoredPosition[]): Promise<void> {
    for (const row of rows) {
      const drivers = this.#fleets.get(row.fleet) ?? new Map<string, StoredPosition>();
      this.#fleets.set(row.fleet, drivers);
      const held = drivers.get(row.driverId);
      const forgotten = held !== undefined && held.receivedAt < row.receivedAt - this.#staleAfter;
      if (held === undefined || forgotten || held.timestamp < row.timestamp) drivers.set(row.driverId, row);
    }
  }

  async removePositions(drivers: readonly DriverKey[]): Promise<void> {
    for (const { fleet, driverId } of drivers) this.#fleets.get(fleet)?.delete(driverId);
  }

  async *loadPositions(since: number): AsyncGenerator<readonly StoredPosition[]> {
    let batch: StoredPosition[] = [];
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

  async ping(): Promise<void> {}

  async close(): Promise<void> {}
}
