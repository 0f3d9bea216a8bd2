import { DomainError } from '../errors.ts';
import { inFleet } from './in-fleet.ts';
import type { Principal } from './principal.ts';

/** Closes what somebody holds open. */
type Close = () => void;

/** Lets go of what was held open; to be called once it is over, however it ended. */
export type Release = () => void;

/** What is held open by whom (sockets, streams, polls, replays), so that it can be closed when that ends before its time. */
export class OpenDoors {
  readonly #isRevoked: (principal: Principal) => boolean;
  readonly #doors = new Map<string, Set<Close>>();

  constructor(isRevoked: (principal: Principal) => boolean) {
    this.#isRevoked = isRevoked;
  }

  /**
   * Has something closed as soon as its principal's token or share is revoked.
   *
   * @throws {DomainError} `unauthorized`: it is by now, so that it must not be opened
   */
  hold(principal: Principal, close: Close): Release {
    if (this.#isRevoked(principal)) throw revoked();
    const { fleet, tokenId, shareId } = principal;
    const keys = [
      ...(tokenId === undefined ? [] : [inFleet(fleet, tokenId)]),
      ...(shareId === undefined ? [] : [shareKey(shareId)]),
    ];
    const release = () => {
      for (const key of keys) this.#letGo(key, door);
    };
    // Once, though it may be held open by both.
    const door = () => {
      release();
      close();
    };
    for (const key of keys) this.#open(key, door);
    return release;
  }

  /** Closes what is held open by tokens of this `jti`, and by shares that were made with them. */
  closeToken(fleet: string, tokenId: string): void {
    this.#close(inFleet(fleet, tokenId));
  }

  /** Closes what is held open by a share. */
  closeShare(id: string): void {
    this.#close(shareKey(id));
  }

  #open(key: string, door: Close): void {
    const doors = this.#doors.get(key);
    if (doors === undefined) this.#doors.set(key, new Set([door]));
    else doors.add(door);
  }

  #letGo(key: string, door: Close): void {
    const doors = this.#doors.get(key);
    doors?.delete(door);
    if (doors?.size === 0) this.#doors.delete(key);
  }

  /** Of a copy, as whoever is closed lets go. */
  #close(key: string): void {
    for (const door of [...(this.#doors.get(key) ?? [])]) door();
  }
}

/** What is said to whoever comes with a token that was revoked. */
export function revoked(): DomainError {
  return new DomainError('unauthorized', 'The token was revoked.');
}

/** Begins with a space, as no fleet's name does. */
function shareKey(id: string): string {
  return ` ${id}`;
}
