import { type Signal, signal } from '@preact/signals';
import {
  type Fix,
  type FixStorage,
  type Nearcast,
  type NearcastError,
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
  /** Fixes without a verdict. */
  readonly waiting: Signal<number>;
  readonly tally = signal<Tally>({ accepted: 0, late: 0, duplicate: 0, refused: 0, dropped: 0 });
  /** How many were refused, by the rule that they break. */
  readonly refusals = signal<ReadonlyMap<string, number>>(new Map());
  readonly last = signal<Fix | undefined>(undefined);
  /** Why nothing can be sent; fixes wait. */
  readonly problem = signal<NearcastError | undefined>(undefined);
  readonly #storage: FixStorage;
  #track: Track | undefined;

  constructor(driverId: string, key: string) {
    this.driverId = driverId;
    // What is no queue is not worth a word: the next fix is kept in its place.
    this.#storage = { ...webStorage(key, browserStorage), load: () => kept(key) };
    this.waiting = signal(keptUnder(key));
  }

  /** Goes on with this client, as there is another one for each token. */
  async use(client: Nearcast): Promise<void> {
    const before = this.#track;
    this.#track = undefined;
    // Two tracks must not have one storage.
    await before?.close();
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
  }

  /** Sends it, or has it wait. */
  send(fix: Fix | Reading): void {
    if (this.#track === undefined) return;
    this.last.value = this.#track.send(fix);
    this.waiting.value = this.#track.pending;
  }

  /** Sends what waits, then goes off duty. @throws {NearcastError} as {@link Track.offDuty}; `signal` takes it back */
  async offDuty(signal: AbortSignal): Promise<void> {
    await this.#track?.offDuty({ signal });
  }

  async close(): Promise<void> {
    await this.#track?.close();
    this.#track = undefined;
  }

  #refused(message: string): void {
    this.refusals.value = new Map(this.refusals.value).set(message, (this.refusals.value.get(message) ?? 0) + 1);
  }

  #count(end: keyof Tally): void {
    this.tally.value = { ...this.tally.value, [end]: this.tally.value[end] + 1 };
    this.waiting.value = this.#track?.pending ?? 0;
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
