import type { ChangesMessage, ExitReason, Position, SnapshotMessage } from './wire.ts';

/** A driver that is no longer inside, and why: `unknown` of one who went while there was no connection. */
export interface Exit {
  readonly driverId: string;
  readonly reason: ExitReason | 'unknown';
}

/** Who came, moved and went. No driver is in two of the lists. */
export interface Difference {
  readonly enter: readonly Position[];
  readonly move: readonly Position[];
  readonly exit: readonly Exit[];
}

/** Who is inside an area, as far as the server told. */
export class Belief {
  /** Positions by driverId. */
  readonly drivers = new Map<string, Position>();

  /**
   * Takes in a snapshot, and says what it changes.
   *
   * @returns `undefined` when it leaves drivers unchanged that are not known here: it cannot be used, and nothing changed
   */
  snapshot({ resumed, drivers, unchanged = [] }: SnapshotMessage): Difference | undefined {
    const inside = new Set<string>();
    if (resumed) for (const driverId of unchanged) inside.add(driverId);
    for (const driverId of inside) if (!this.drivers.has(driverId)) return undefined;
    for (const { driverId } of drivers) inside.add(driverId);
    const exit: Exit[] = [];
    for (const driverId of this.drivers.keys()) if (!inside.has(driverId)) exit.push({ driverId, reason: 'unknown' });
    for (const { driverId } of exit) this.drivers.delete(driverId);
    return { ...this.#place(drivers), exit };
  }

  /** Takes in changes, and says what is new in them. */
  changes({ enter = [], move = [], exit = [] }: ChangesMessage): Difference {
    // An exit goes first: who is in a list beside would be inside.
    const gone = exit.filter(({ driverId }) => this.drivers.delete(driverId));
    const placed = this.#place(move.length === 0 ? enter : [...enter, ...move]);
    return { ...placed, exit: gone };
  }

  /** Puts drivers where they are. Whether they come or move is for what was believed to tell. */
  #place(positions: readonly Position[]): { enter: Position[]; move: Position[] } {
    const enter: Position[] = [];
    const move: Position[] = [];
    for (const position of positions) {
      const before = this.drivers.get(position.driverId);
      if (before === undefined) enter.push(position);
      else if (differ(before, position)) move.push(position);
      else continue;
      this.drivers.set(position.driverId, position);
    }
    return { enter, move };
  }
}

/** A snapshot repeats what is known; a fix of its own has its own time, or was received at another. */
function differ(a: Position, b: Position): boolean {
  return (
    a.timestamp !== b.timestamp ||
    a.receivedAt !== b.receivedAt ||
    a.latitude !== b.latitude ||
    a.longitude !== b.longitude
  );
}
