import { DomainError } from '../errors.ts';
import type { Principal } from './principal.ts';

/** Closes what somebody holds open. */
type Close = () => void;

/** Lets go of what was held open; to be called once it is over, however it ended. */
export type Release = () => void;

/** What is held open by whom (sockets, streams, polls, replays), so that it can be closed when that ends before its time. */
export class OpenDoors {
  readonly #isRevoked: (principal: Principal) => boolean;
  readonly #byToken = new Map<string, Set<Close>>();
  readonly #byShare = new Map<string, Set<Close>>();

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
    const byToken = tokenId === undefined ? undefined : join(this.#byToken, tokenKey(fleet, tokenId), close);
    const byShare = shareId === undefined ? undefined : join(this.#byShare, shareId, close);
    return () => {
      byToken?.();
      byShare?.();
    };
  }

  /** Closes what is held open by tokens of this `jti`, and by shares that were made with them. */
  closeToken(fleet: string, tokenId: string): void {
    closeAll(this.#byToken.get(tokenKey(fleet, tokenId)));
  }

  /** Closes what is held open by a share. */
  closeShare(id: string): void {
    closeAll(this.#byShare.get(id));
  }
}

/** What is said to whoever comes with a token that was revoked. */
export function revoked(): DomainError {
  return new DomainError('unauthorized', 'The token was revoked.');
}

/** No fleet's name has a space. */
function tokenKey(fleet: string, tokenId: string): string {
  return `${fleet} ${tokenId}`;
}

function join(doors: Map<string, Set<Close>>, key: string, close: Close): Release {
  let set = doors.get(key);
  if (set === undefined) {
    set = new Set();
    doors.set(key, set);
  }
  set.add(close);
  return () => {
    set.delete(close);
    if (set.size === 0 && doors.get(key) === set) doors.delete(key);
  };
}

/** Of a copy, as whoever is closed lets go. */
function closeAll(doors: ReadonlySet<Close> | undefined): void {
  for (const close of [...(doors ?? [])]) close();
}
