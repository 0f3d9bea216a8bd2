import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import {
  type Circle,
  type Nearcast,
  NearcastError,
  type Position,
  type Watch,
  type WatchState,
} from '../../client/index.ts';
import { type Offset, offset } from '../phone/offset.ts';
import { isOnline } from '../phone/online.ts';
import type { Place } from '../phone/place.ts';
import { isPassing } from '../session/as-error.ts';
import type { Session } from '../session/session.ts';

/** Whom to look for. */
export interface Question {
  readonly circle: Circle;
  readonly where?: { readonly status: string };
}

/** A driver, and where it is from here. */
export interface Near extends Offset {
  readonly position: Position;
}

/** Messages a second: more would cost a phone’s battery, and be no smoother. */
const MAX_RATE = 2;
/** Who is near a place, from one answer on kept up to date. */
export class Nearest {
  /** Nearest first. Nobody while the present question is refused: those who are known are of another circle. */
  readonly drivers: ReadonlySignal<readonly Near[]>;
  /** `asking`: there is no answer yet; `failed`: there is none, or the present question was refused. */
  readonly state: ReadonlySignal<WatchState | 'asking'>;
  /** Why, until a question is taken. */
  readonly problem: ReadonlySignal<NearcastError | undefined>;
  readonly #session: Session;
  readonly #positions = signal<readonly Position[]>([]);
  readonly #state: Signal<WatchState | 'asking'> = signal('asking');
  readonly #problem: Signal<NearcastError | undefined> = signal();
  /** The watch goes on with the question before. */
  readonly #isRefused = signal(false);
  readonly #question: ReadonlySignal<Question | undefined>;
  #client: Nearcast | undefined;
  #watch: Watch | undefined;
  #asking = new AbortController();

  /** @param here from where distances are; it may be some way from the circle’s centre, which moves by steps */
  constructor(
    session: Session,
    here: ReadonlySignal<Place | undefined>,
    question: ReadonlySignal<Question | undefined>,
  ) {
    this.#session = session;
    this.#question = question;
    // A connection is found to be dead much later than the device knows that it has no network.
    this.state = computed(() => {
      if (this.#isRefused.value) return 'failed';
      return this.#state.value === 'live' && !isOnline.value ? 'interrupted' : this.#state.value;
    });
    this.problem = this.#problem;
    this.drivers = computed(() => {
      const from = here.value;
      if (from === undefined || this.#isRefused.value) return [];
      const near = this.#positions.value.map((position) => ({ position, ...offset(from, position) }));
      return near.sort((a, b) => a.distance - b.distance || (a.position.driverId < b.position.driverId ? -1 : 1));
    });
    effect(() => {
      const [client, asked] = [session.client.value, question.value];
      untracked(() => this.#ask(client, asked));
    });
  }

  /** Asks once more, after a refusal. */
  again(): void {
    this.#watch?.close();
    this.#ask(this.#session.client.value, this.#question.value);
  }

  #ask(client: Nearcast | undefined, question: Question | undefined): void {
    if (client === undefined) this.#forget();
    if (client === undefined || question === undefined) return;
    const watch = this.#watch;
    if (client === this.#client && watch !== undefined && !isOver(watch)) {
      const { signal } = this.#asking;
      // The watch goes along.
      watch.update({ ...question.circle, where: question.where ?? null }).then(
        () => {
          if (signal.aborted) return;
          this.#isRefused.value = false;
          this.#problem.value = undefined;
          this.#show();
        },
        () => {
          // Why is told as the watch’s error. One that ended with the watch was not judged.
          if (!signal.aborted && !isOver(watch)) this.#isRefused.value = true;
        },
      );
    } else {
      this.#client = client;
      void this.#begin(client, question);
    }
  }

  /** Takes back what was asked, and what came of it. */
  #end(state: 'asking' | 'closed'): AbortSignal {
    // It closes the watch, too.
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#watch = undefined;
    // Of where those of before are, nothing is known that could be shown meanwhile.
    if (this.#isRefused.value) this.#positions.value = [];
    this.#isRefused.value = false;
    this.#problem.value = undefined;
    this.#state.value = state;
    return this.#asking.signal;
  }

  /** Whoever forgot the token is to see nothing more of what it gave. */
  #forget(): void {
    this.#end('closed');
    this.#client = undefined;
    this.#positions.value = [];
  }

  async #begin(client: Nearcast, { circle, where }: Question): Promise<void> {
    const signal = this.#end('asking');
    try {
      // The nearest are on the screen by the first answer, and the watch goes on from it.
      const answer = await client.nearby({ ...circle, where, limit: 100 }, { signal }).catch((error) => {
        if (!isPassing(error)) throw error;
        return undefined;
      });
      signal.throwIfAborted();
      if (answer !== undefined) this.#positions.value = answer.drivers;
      const watch = client.watch(circle, { where, from: answer, maxRate: MAX_RATE, signal });
      this.#watch = watch;
      watch.on('changes', () => this.#show());
      watch.on('state', (state) => {
        if (!signal.aborted) this.#state.value = state;
      });
      watch.on('error', (error) => {
        this.#problem.value = error;
      });
      if (answer !== undefined) this.#state.value = 'live';
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof NearcastError)) throw error;
      this.#problem.value = error;
      this.#state.value = 'failed';
      this.#session.failed(error);
    }
  }

  #show(): void {
    this.#positions.value = [...(this.#watch?.drivers.values() ?? [])];
  }
}

function isOver({ state }: Watch): boolean {
  return state === 'closed' || state === 'failed';
}
