import type { Role } from '../auth/principal.ts';
import type { Outbox } from '../subscriptions/outbox.ts';
import { Tally } from '../subscriptions/tally.ts';

/** Somebody who is connected, as seen by whoever counts. */
export interface Peer {
  readonly role: Role;
  readonly outbox: Outbox;
  /** Bytes for it that have not left the process. */
  readonly bufferedAmount: number;
}

/** What one way of being connected carries: who is, and what was told over it. */
export class Transport<P extends Peer = Peer> {
  readonly name: string;
  readonly tally: Tally;
  readonly open = new Set<P>();
  opened = 0;
  /** How many were closed, by code. */
  readonly closed = new Map<number, number>();

  /** @param isLive whether what it carries happens now */
  constructor(name: string, isLive = true) {
    this.name = name;
    this.tally = new Tally(isLive);
  }

  begin(peer: P): void {
    this.open.add(peer);
    this.opened++;
  }

  /** @param code why it was closed, where its kind of end has a code */
  end(peer: P, code?: number): void {
    this.open.delete(peer);
    if (code !== undefined) this.closed.set(code, (this.closed.get(code) ?? 0) + 1);
  }
}

/** All that is carried, by transport; each is made by whoever serves it. */
export class Traffic {
  readonly #transports: Transport[] = [];

  get transports(): readonly Transport[] {
    return this.#transports;
  }

  /**
   * A new transport.
   *
   * @param name of a few that are known before, as it becomes a label
   * @param isLive whether what it carries happens now
   */
  add<P extends Peer>(name: string, isLive = true): Transport<P> {
    const transport = new Transport<P>(name, isLive);
    this.#transports.push(transport);
    return transport;
  }
}
