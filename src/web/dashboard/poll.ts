import { type ReadonlySignal, signal } from '@preact/signals';
import type { NearcastError } from '../../client/index.ts';
import { asError } from '../session/as-error.ts';

/** What tells whether somebody looks: the document. */
export interface Looked extends EventTarget {
  readonly hidden: boolean;
}

/** How something is asked for again and again. */
export interface PollSettings<Question, Answer> {
  /** Milliseconds from an answer to the next question. */
  readonly pace: number;
  readonly page: Looked;
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  /** Told of what goes wrong, of the same only once. */
  failed(error: NearcastError): void;
}

/** An answer, to what, and when it came: epoch milliseconds by this device's clock. */
export interface Answered<Question, Answer> {
  readonly question: Question;
  readonly answer: Answer;
  readonly at: number;
}

/** What asking once more does not mend: another token, place or filter does. */
const FINAL: ReadonlySet<string> = new Set(['unauthorized', 'forbidden', 'invalid']);
/** No wait that a server asks for is longer, milliseconds: a timer of more than 2³¹ is none. */
const LONGEST = 3_600_000;

/** Asks one question again and again, while somebody looks at the page. */
export class Poll<Question, Answer> {
  /** The last answer, be it to another question; none once the present one has failed. */
  readonly answered: ReadonlySignal<Answered<Question, Answer> | undefined>;
  /** Why the present question has no answer, or no newer one. */
  readonly problem: ReadonlySignal<NearcastError | undefined>;
  readonly #settings: PollSettings<Question, Answer>;
  readonly #answered = signal<Answered<Question, Answer> | undefined>(undefined);
  readonly #problem = signal<NearcastError | undefined>(undefined);
  #asking: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Due, but nobody looks. */
  #due: (() => void) | undefined;
  /** By its code, what was told of last. */
  #told: string | undefined;

  constructor(settings: PollSettings<Question, Answer>) {
    this.#settings = settings;
    this.answered = this.#answered;
    this.problem = this.#problem;
    settings.page.addEventListener('visibilitychange', this.#seen);
  }

  /** Asks this from now on; nothing, when it is undefined. */
  ask(question: Question | undefined): void {
    this.#stop();
    this.#problem.value = undefined;
    if (question === undefined) {
      this.#answered.value = undefined;
      this.#told = undefined;
    } else void this.#ask(question);
  }

  /** Asks no more. */
  close(): void {
    this.#stop();
    this.#settings.page.removeEventListener('visibilitychange', this.#seen);
  }

  async #ask(question: Question): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const { pace } = this.#settings;
    let wait = pace;
    try {
      const answer = await this.#settings.ask(question, asking.signal);
      if (asking.signal.aborted) return;
      this.#answered.value = { question, answer, at: Date.now() };
      this.#problem.value = undefined;
      this.#told = undefined;
    } catch (thrown) {
      if (asking.signal.aborted) return;
      const error = asError(thrown);
      this.#problem.value = error;
      if (this.#answered.peek()?.question !== question) this.#answered.value = undefined;
      const isNews = error.code !== this.#told;
      this.#told = error.code;
      if (isNews) this.#settings.failed(error);
      // Who was told may have asked for something else.
      if (FINAL.has(error.code) || asking.signal.aborted) return;
      wait = Math.min(Math.max(pace, (error.retryAfter ?? 0) * 1000), LONGEST);
    }
    this.#timer = setTimeout(() => {
      this.#due = () => void this.#ask(question);
      this.#seen();
    }, wait);
  }

  readonly #seen = (): void => {
    if (this.#settings.page.hidden) return;
    const due = this.#due;
    this.#due = undefined;
    due?.();
  };

  #stop(): void {
    clearTimeout(this.#timer);
    this.#due = undefined;
    this.#asking?.abort();
  }
}
