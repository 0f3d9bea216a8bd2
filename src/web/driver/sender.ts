import { type Signal, signal } from '@preact/signals';
import {
  type Fix,
  type FixStorage,
  type Nearcast,
  NearcastError,
  type Reading,
  type Track,
  webStorage,
} from '../../client/index.ts';
import { browserStorage, readJson } from '../session/storage.ts';

/** How many fixes had which end. */
export interface Tally {
  readonly accepted: number;
  readonly late: number;
  readonly duplicate: number;
  readonly refused: number;
  readonly dropped: number;
}

/** Sends the fixes of one driver, through new tokens and reloads, and tells how they fare. */
export class Sender {
  readonly driverId: string;
  /** Where its queue is kept. */
  readonly key: string;
  /** Fixes without a verdict. */
  readonly waiting: Signal<number>;
  readonly tally = signal<Tally>({ accepted: 0, late: 0, duplicate: 0, refused: 0, dropped: 0 });
  /** How many were refused, by the rule that they break. */
  readonly refusals = signal<ReadonlyMap<string, number>>(new Map());
  readonly last = signal<Fix | undefined>(undefined);
  /** Why nothing can be sent; fixes wait. */
  readonly problem = signal<NearcastError | undefined>(undefined);
  readonly #storage: FixStorage;
  /** None while it changes from one client to the next. */
  #track: Track | undefined;
  /** Fixes that came meanwhile. */
  #held: (Fix | Reading)[] = [];
  #isClosed = false;
  /** How often a client was given: only the latest is used. */
  #uses = 0;
  /** The last of what opens and closes tracks. Each waits for the one before: two must not have one storage. */
  #turn: Promise<void> = Promise.resolve();

  constructor(driverId: string, key: string) {
    this.driverId = driverId;
    this.key = key;
    // What is no queue is not worth a word: the next fix is kept in its place.
    this.#storage = { ...webStorage(key, browserStorage), load: () => kept(key) };
    this.waiting = signal(keptUnder(key));
  }

  /** Goes on with this client, as there is another one for each token. */
  use(client: Nearcast): Promise<void> {
    const use = ++this.#uses;
    const before = this.#track;
    this.#track = undefined;
    return this.#next(async () => {
      await before?.close();
      // Else a later client, whose turn comes, has closed this one.
      if (use === this.#uses && !this.#isClosed) this.#open(client);
    });
  }

  /** Sends it, or has it wait. */
  send(fix: Fix | Reading): void {
    if (this.#isClosed) return;
    if (this.#track === undefined) {
      this.#held.push(fix);
      this.waiting.value++;
      return;
    }
    this.last.value = this.#track.send(fix);
    this.waiting.value = this.#track.pending;
  }

  /**
   * Sends what waits, then goes off duty.
   *
   * @throws {NearcastError} as {@link Track.offDuty}; `closed` while there is no client to do it; `signal` takes it back
   */
  async offDuty(signal: AbortSignal): Promise<void> {
    await this.#turn;
    if (this.#track === undefined) throw new NearcastError('closed', 'There is no connection to go off duty by.');
    await this.#track.offDuty({ signal });
  }

  /** Sends nothing more. @returns resolves once another one can have the queue */
  close(): Promise<void> {
    return this.#next(async () => {
      this.#isClosed = true;
      const before = this.#track;
      this.#track = undefined;
      await before?.close();
    });
  }

  /** Has something done when all that came before is. */
  #next(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    // Whoever asked for it is told; the next has its turn all the same.
    this.#turn = done.catch(() => {});
    return done;
  }

  #open(client: Nearcast): void {
    const track = client.track({ driverId: this.driverId, storage: this.#storage });
    this.problem.value = undefined;
    track.on('verdict', ({ fix, verdict, message = 'refused' }) => {
      this.#count(verdict);
      this.problem.value = undefined;
      if (verdict === 'refused') this.#refused(message);
      else this.last.value ??= fix;
    });
    track.on('dropped', () => this.#count('dropped'));
    track.on('error', (error) => {
      this.problem.value = error;
    });
    this.#track = track;
    // They are counted, and what is kept is in no track’s count before it is loaded.
    for (const fix of this.#held.splice(0)) this.last.value = track.send(fix);
  }

  #refused(message: string): void {
    this.refusals.value = new Map(this.refusals.value).set(message, (this.refusals.value.get(message) ?? 0) + 1);
  }

  #count(end: keyof Tally): void {
    this.tally.value = { ...this.tally.value, [end]: this.tally.value[end] + 1 };
    if (this.#track !== undefined) this.waiting.value = this.#track.pending;
  }
}

/** How many fixes wait there from an earlier time. */
export function keptUnder(key: string): number {
  return kept(key).length;
}

function kept(key: string): readonly Fix[] {
  const fixes = readJson(browserStorage, key);
  return Array.isArray(fixes) ? fixes.filter((fix) => typeof fix === 'object' && fix !== null) : [];
}
