import type { Position } from '../fix.ts';
import type { Subscription } from './subscription.ts';

/** Turns a position into the bytes of its wire form, without the closing brace, so that a field can follow. */
export type EncodePosition = (position: Position) => string;

/** A driver of one fleet, as long as it is known. */
export class Driver {
  readonly id: string;
  /** Its slot in the fleet's cell tree. */
  readonly slot: number;
  /** The subscriptions that it is inside of. */
  watchers: Subscription[] = [];
  /** Server clock, epoch milliseconds, of the last fix received, whatever became of it. */
  heardAt: number;
  /** The fleet's revision that gave it its position. */
  revision = 0;
  /** Neighbours in the fleet's list of drivers by `heardAt`. */
  olderHeard: Driver | undefined;
  newerHeard: Driver | undefined;
  /** It is not in that list, but among those who were learnt of and not heard since; see `Quiet`. */
  quiet = false;

  /** The position's timestamp is the server's, as its fix brought none. */
  stamped = false;
  /** The store will never take the position: the database refused it. */
  rejected = false;
  /** Where there are several instances: in which term of its fleet this one accepted its last fix; 0: another one did. */
  term = 0;

  readonly #encode: EncodePosition;
  #position: Position;
  #encoded: string | undefined;

  constructor(slot: number, position: Position, encode: EncodePosition) {
    this.id = position.driverId;
    this.slot = slot;
    this.heardAt = position.receivedAt;
    this.#position = position;
    this.#encode = encode;
  }

  get position(): Position {
    return this.#position;
  }

  set position(position: Position) {
    this.#position = position;
    this.#encoded = undefined;
  }

  /** The position on the wire, without the closing brace; encoded once for all who get it. */
  get encoded(): string {
    this.#encoded ??= this.#encode(this.#position);
    return this.#encoded;
  }
}
