/** No fix is dated further ahead than this, milliseconds: what was given later was given before the clock was set back. */
const MAX_AHEAD = 1_000;

/** Dates fixes that have no time of their own, so that of two of one driver the one that was sent later is newer. */
export class Dates {
  /** The last dates given, by driver; those of the past are forgotten. */
  readonly #given = new Map<string | undefined, number>();
  #now = 0;

  /** The present time; or, when this driver's last fix was given that already, the millisecond after it. */
  next(driverId: string | undefined, now: number): number {
    if (now !== this.#now) this.#forget(now);
    const date = Math.max(now, (this.#given.get(driverId) ?? 0) + 1);
    this.#given.set(driverId, date);
    return date;
  }

  #forget(now: number): void {
    this.#now = now;
    for (const [driverId, date] of this.#given) {
      if (date < now || date > now + MAX_AHEAD) this.#given.delete(driverId);
    }
  }
}
