import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreUnavailable } from './store.ts';

const MB = 1024 * 1024;

/**
 * Bytes that are left alone: a batch and the vacuum and checkpoint after it can take so much. PostgreSQL that finds no
 * room for its log gives up on the spot, and one that has some left can still start, answer, and drop old partitions.
 */
const RESERVE = 64 * MB;
/** Part of the reserve that must be free again before writing goes on, so that it does not stop and go. */
const RECOVERED = 1.25;
/** Part of the reserve that a start needs: to recover from its log the database writes a segment or two. */
const TO_OPEN = 0.25;
/** So many times the reserve is little enough for a warning. */
const LOW = 4;
/** Milliseconds for which a look at the file system is good: in them a database writes a few megabytes. */
const FRESH = 100;

/** How much is free where the embedded database lives, and whether that is enough. */
export interface DiskRoomOptions {
  /** A directory of that file system, or one that is to be made. */
  readonly dir: string;
  /** Bytes to leave alone. */
  readonly reserve?: number;
  /** Hears once when little is left, and again only after there was plenty. */
  readonly log?: (message: string) => void;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

/** Stops writing to a file system while there is still room on it. */
export class DiskRoom {
  readonly #dir: string;
  readonly #reserve: number;
  readonly #log: (message: string) => void;
  readonly #now: () => number;
  #free = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #full = false;
  #low = false;

  constructor({ dir, reserve = RESERVE, log = () => {}, now = () => performance.now() }: DiskRoomOptions) {
    this.#dir = dir;
    this.#reserve = reserve;
    this.#log = log;
    this.#now = now;
  }

  /** Bytes that this user can still write there; infinite when the system does not say. At most {@link FRESH} old. */
  get free(): number {
    const now = this.#now();
    if (now - this.#lookedAt >= FRESH) {
      this.#lookedAt = now;
      this.#free = freeAt(this.#dir);
    }
    return this.#free;
  }

  /** To be called before something is written. @throws {StoreUnavailable} too little is left */
  admit(): void {
    const { free } = this;
    this.#full = free < this.#reserve * (this.#full ? RECOVERED : 1);
    if (this.#full) {
      throw new StoreUnavailable(
        `The disk is full: ${megabytes(free)} are free in DATA_DIR (${this.#dir}), and the last ` +
          `${megabytes(this.#reserve)} are left alone. Make room there, and it goes on by itself`,
      );
    }
    const low = free < this.#reserve * LOW * (this.#low ? RECOVERED : 1);
    if (low && !this.#low) {
      this.#log(
        `The disk is nearly full: ${megabytes(free)} are free in DATA_DIR (${this.#dir}). ` +
          `When ${megabytes(this.#reserve)} are left, nothing is stored any more`,
      );
    }
    this.#low = low;
  }

  /** Why the database cannot be opened now, if so. @param more bytes that the start will write */
  tooFullToOpen(more = 0): string | undefined {
    const free = freeAt(this.#dir);
    const needed = this.#reserve * TO_OPEN + more;
    if (free >= needed) return undefined;
    return `the disk is full: ${megabytes(free)} are free in ${this.#dir}, and the database needs ${megabytes(needed)} to start`;
  }
}

function freeAt(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch (error) {
    // It is yet to be made.
    const parent = dirname(dir);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && parent !== dir) return freeAt(parent);
    // What is wrong there shows when it is used.
    return Number.POSITIVE_INFINITY;
  }
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / MB)} MB`;
}
