/** Somebody who is to be looked after now and then. */
export interface Patient {
  /** @param now milliseconds on a clock that never goes back */
  tick(now: number): void;
}

/** Parts of the interval over which the patients are spread, so that ten thousand do not take one long turn. */
const PARTS = 10;

/** One timer for all connections: calls on each of them once in an interval. */
export class Pulse {
  readonly #parts: readonly Set<Patient>[] = Array.from({ length: PARTS }, () => new Set<Patient>());
  readonly #timer: NodeJS.Timeout;
  #next = 0;
  #turn = 0;

  /** @param interval milliseconds */
  constructor(interval = 1000) {
    this.#timer = setInterval(() => this.#beat(), interval / PARTS);
  }

  /** Looks after somebody until it is deleted from the set that is returned. */
  join(patient: Patient): Set<Patient> {
    const part = this.#parts[this.#next];
    this.#next = (this.#next + 1) % PARTS;
    part.add(patient);
    return part;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    for (const patient of this.#parts[this.#turn]) patient.tick(now);
    this.#turn = (this.#turn + 1) % PARTS;
  }
}
