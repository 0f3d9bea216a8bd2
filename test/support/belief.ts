// biome-ignore lint/suspicious/noExplicitAny: what a server says is to be looked at, not trusted
export type Message = any;

/** What a client believes of one subscription, by the messages alone, whatever the transport. */
export class Belief {
  /** Positions of those inside, by driverId. */
  readonly drivers = new Map<string, Message>();
  /** What was wrong with the stream itself: a move of someone unknown, an enter of someone inside, … */
  readonly contradictions: string[] = [];
  /** The last cursor, to go on from. */
  cursor: string | undefined;
  /** Of an area around a driver, what is known of that driver. */
  followed: string | undefined;
  /** Snapshots that told what had changed, and those that told everything. */
  resumed = 0;
  full = 0;

  /** The ids inside, sorted. */
  get inside(): string[] {
    return [...this.drivers.keys()].sort();
  }

  hear(message: Message): void {
    if (message.type === 'snapshot') this.#replace(message);
    else if (message.type === 'changes') this.#change(message);
    else return;
    this.cursor = message.cursor;
    this.followed = message.followed ?? this.followed;
  }

  #replace({ resumed, drivers, unchanged }: Message): void {
    const before = new Map(this.drivers);
    this.drivers.clear();
    if (resumed) this.resumed++;
    else this.full++;
    if (resumed !== (unchanged !== undefined)) this.contradictions.push('only a resumed snapshot has unchanged');
    for (const id of unchanged ?? []) {
      if (before.has(id)) this.#put(before.get(id));
      else this.contradictions.push(`${id}, who was not inside, is unchanged`);
    }
    for (const position of drivers) this.#put(position);
  }

  #put(position: Message): void {
    if (this.drivers.has(position.driverId)) this.contradictions.push(`${position.driverId} is in a snapshot twice`);
    this.drivers.set(position.driverId, position);
  }

  #change({ enter = [], move = [], exit = [] }: Message): void {
    for (const position of enter) {
      if (this.drivers.has(position.driverId)) {
        this.contradictions.push(`enter of ${position.driverId}, who is inside`);
      }
      this.drivers.set(position.driverId, position);
    }
    for (const position of move) {
      if (!this.drivers.has(position.driverId)) {
        this.contradictions.push(`move of ${position.driverId}, who is not inside`);
      }
      this.drivers.set(position.driverId, position);
    }
    for (const { driverId } of exit) {
      if (!this.drivers.delete(driverId)) this.contradictions.push(`exit of ${driverId}, who is not inside`);
    }
  }
}
