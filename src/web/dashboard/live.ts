import { type ReadonlySignal, signal } from '@preact/signals';
import type { Changes, Exit, Nearcast, NearcastError, Position, Watch, WatchState, Where } from '../../client/index.ts';
import { DeliveryGauge } from './delivery.ts';
import type { WatchedArea } from './subject.ts';

/** Who is told of what is watched. */
export interface LiveEvents {
  put(position: Position): void;
  exit(exit: Exit): void;
  /** All of a new watch is there: whoever is not among them is gone. */
  whole(drivers: ReadonlyMap<string, Position>): void;
  changes(changes: Changes): void;
  /** Something else is asked for: until it is settled what is told is of either. */
  asked(): void;
  /** What was asked for last is what is told from now on, and these are inside. */
  settled(drivers: ReadonlyMap<string, Position>): void;
  failed(error: NearcastError): void;
}

/** How often a view that is dragged is asked for, milliseconds. */
const PACE = 120;

/**
 * The one subscription of the page. It is updated, not made anew, when the map is moved, an area is drawn or a filter is set;
 * what the server then sends is the difference alone.
 */
export class Live {
  readonly state: ReadonlySignal<WatchState | 'off'>;
  readonly gauge: DeliveryGauge;
  readonly #state = signal<WatchState | 'off'>('off');
  readonly #events: LiveEvents;
  #client: Nearcast | undefined;
  #watch: Watch | undefined;
  #area: WatchedArea | undefined;
  #where: Where = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #on = true;
  /** Updates that were sent. */
  #asked = 0;

  constructor(events: LiveEvents) {
    this.#events = events;
    this.state = this.#state;
    this.gauge = new DeliveryGauge(() => this.#client?.serverTime ?? Date.now());
  }

  /** Goes on by another client, or by none. */
  use(client: Nearcast | undefined): void {
    this.#client = client;
    this.#restart();
  }

  /** Watches this area from now on. */
  watch(area: WatchedArea): void {
    // A drawn area stays the same while the map moves.
    if (area === this.#area && this.#watch !== undefined) return;
    this.#area = area;
    if (this.#watch === undefined) this.#restart();
    else this.#updateIn(PACE);
  }

  filter(where: Where): void {
    this.#where = where;
    if (this.#watch === undefined) return;
    this.#updateIn(0);
  }

  /** Whether anything is watched at all: a wide view shows counts instead. */
  set on(on: boolean) {
    if (this.#on === on) return;
    this.#on = on;
    this.#restart();
  }

  get on(): boolean {
    return this.#on;
  }

  /** Begins anew after it failed. */
  retry(): void {
    this.#restart();
  }

  #updateIn(milliseconds: number): void {
    // Where the last area or filter was refused, this one may be taken.
    this.#timer ??= setTimeout(
      () => (this.#watch?.state === 'failed' ? this.#restart() : this.#update()),
      milliseconds,
    );
  }

  #update(): void {
    this.#timer = undefined;
    const watch = this.#watch;
    if (watch === undefined) return;
    const number = ++this.#asked;
    this.#events.asked();
    watch.update({ ...this.#area, where: this.#where }).then(
      () => {
        const isLast = this.#watch === watch && this.#asked === number && this.#timer === undefined;
        if (isLast) this.#events.settled(watch.drivers);
      },
      // What is refused is told by the event.
      () => {},
    );
  }

  #restart(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const before = this.#watch;
    this.#watch = undefined;
    before?.close();
    if (!this.#on || this.#client === undefined || this.#area === undefined) {
      this.#state.value = 'off';
      return;
    }
    const watch = this.#client.watch(this.#area, { where: this.#where });
    this.#watch = watch;
    this.#asked++;
    this.#events.asked();
    this.#state.value = watch.state;
    // Of one that was replaced nothing is told.
    const current = <Event>(listener: (event: Event) => void) => {
      return (event: Event) => {
        if (this.#watch === watch) listener(event);
      };
    };
    let whole = false;
    watch.on(
      'enter',
      current((position) => this.#events.put(position)),
    );
    watch.on(
      'move',
      current((position) => this.#events.put(position)),
    );
    watch.on(
      'exit',
      current((exit) => this.#events.exit(exit)),
    );
    watch.on(
      'snapshot',
      current(() => {
        if (!whole) this.#events.whole(watch.drivers);
        if (!whole && this.#timer === undefined) this.#events.settled(watch.drivers);
        whole = true;
        this.gauge.heard([]);
      }),
    );
    watch.on(
      'changes',
      current((changes) => {
        // Whoever comes into view is as old as it is, as is all that a snapshot brings.
        if (whole && !changes.snapshot) this.gauge.heard(changes.move.map(({ receivedAt }) => receivedAt));
        this.#events.changes(changes);
      }),
    );
    watch.on(
      'state',
      current((state) => {
        this.#state.value = state;
      }),
    );
    watch.on(
      'error',
      current((error) => this.#events.failed(error)),
    );
  }
}
