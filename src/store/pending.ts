import type { DriverKey, StoredPosition, StoreRejected } from './store.ts';

/** What the store has yet to be told of one driver: to forget it, then to hold a row of it, or either alone. */
export class Pending implements DriverKey {
  readonly fleet: string;
  readonly driverId: string;
  /** Place in the order of arrival. What comes later of the same driver takes the place over. */
  readonly place: number;
  #removal = false;
  #row: StoredPosition | undefined;
  #removalError: StoreRejected | undefined;
  #rowError: StoreRejected | undefined;
  /** The other one that took over what is to be done here, while a retry was due. */
  #heir: Pending | undefined;

  constructor(driver: DriverKey, place: number) {
    // Not the row that it may be, which a newer one is to replace.
    this.fleet = driver.fleet;
    this.driverId = driver.driverId;
    this.place = place;
  }

  /** What is stored of the driver is to be forgotten, before the row if there is one. */
  get removal(): boolean {
    return this.#removal;
  }

  get row(): StoredPosition | undefined {
    return this.#row;
  }

  /** Nothing is left to do. */
  get done(): boolean {
    return !this.#removal && this.#row === undefined;
  }

  /** About how many characters it is on its way to the database. */
  get size(): number {
    return this.#row === undefined ? 100 : sizeOf(this.#row);
  }

  /** The row is to be stored, unless one that is as new waits already. */
  write(row: StoredPosition): void {
    if (this.#row === undefined || row.timestamp > this.#row.timestamp) this.#row = row;
  }

  /** The driver is to be forgotten, with the row that waits. */
  remove(): void {
    this.#removal = true;
    this.#row = undefined;
  }

  /** Takes over what came after this of the same driver, and answers for it. */
  inherit(later: Pending): void {
    if (later.#removal) this.remove();
    if (later.#row !== undefined) this.write(later.#row);
    later.#heir = this;
  }

  /** The driver is forgotten, or never will be. */
  removed(error?: StoreRejected): void {
    this.#removal = false;
    this.#removalError = error;
  }

  /** The row is stored, or never will be. */
  written(error?: StoreRejected): void {
    this.#row = undefined;
    this.#rowError = error;
  }

  /** Why what was to be done never will be. */
  errorOf(what: 'row' | 'removal'): StoreRejected | undefined {
    const answerable = this.#heir ?? this;
    return what === 'row' ? answerable.#rowError : answerable.#removalError;
  }
}

/** Tells drivers apart. */
export function keyOf({ fleet, driverId }: DriverKey): string {
  // A fleet's name has no control characters.
  return `${fleet}\n${driverId}`;
}

/** About how many characters a row is; attributes may be most of it. */
function sizeOf({ attributes }: StoredPosition): number {
  let size = 200;
  for (const key in attributes) {
    const value = attributes[key];
    size += key.length + (typeof value === 'string' ? value.length : 8);
  }
  return size;
}
