import { Circle } from '../../src/geo/circle.ts';
import { messageEncoder } from '../../src/protocol/encode.ts';
import type { Sight } from '../../src/sight.ts';
import { Outbox } from '../../src/subscriptions/outbox.ts';
import type { Subscription } from '../../src/subscriptions/subscription.ts';
import { toArea } from '../subscriptions/areas.ts';
import type { FakeClock } from '../subscriptions/fake-clock.ts';
import type { Question } from '../subscriptions/model.ts';
import type { PlainSight } from '../subscriptions/seen-fleet.ts';
import { Belief, type Message } from '../support/belief.ts';
import type { Instance } from './sim-instance.ts';

export const FLEET = 'f';

/** What the core knows a sight by. */
export function sightOf({ bounds, precision, driverId }: PlainSight): Sight {
  return {
    fleet: FLEET,
    bounds: bounds && new Circle(bounds.lat, bounds.lng, bounds.radius),
    precision,
    driverId,
  };
}

/** One client that watches at one instance, as a door has it do. */
export class Watcher {
  readonly instance: Instance;
  readonly plain: PlainSight;
  question: Question;
  readonly belief = new Belief();
  /** What it was told, for whoever looks for a fault. */
  readonly messages: Message[] = [];
  /** It waits for the instance to get ready; what is asked for meanwhile waits behind it. */
  isWaiting = false;
  /** It was refused, or has ended. */
  isOver = false;
  readonly #sight: Sight;
  readonly #outbox: Outbox;
  #subscription: Subscription | undefined;

  constructor(instance: Instance, plain: PlainSight, question: Question, clock: FakeClock) {
    this.instance = instance;
    this.plain = plain;
    this.question = question;
    this.#sight = sightOf(plain);
    const socket = { bufferedAmount: 0, close() {}, send: (data: string) => this.#hear(JSON.parse(data)) };
    this.#outbox = new Outbox(
      socket,
      messageEncoder(() => clock.now),
      clock.of(this),
    );
    this.#once(question, () => {
      const { area, where, maxAge } = question;
      const view = { area: toArea(area), where, maxAge };
      this.#subscription = instance.tracker.subscribe(this.#sight, 's', this.#outbox, view);
    });
  }

  update(question: Question): void {
    if (this.isWaiting || this.isOver) return;
    this.#once(question, () => {
      const { area, where, maxAge } = question;
      this.question = question;
      this.instance.tracker.update(this.#subscription as Subscription, { area: toArea(area), where, maxAge });
    });
  }

  end(): void {
    this.isOver = true;
    this.#outbox.close();
    if (this.#subscription !== undefined && !this.instance.isDead)
      this.instance.tracker.unsubscribe(this.#subscription);
    this.#subscription = undefined;
  }

  #once({ area }: Question, act: () => void): void {
    const waited = this.instance.cluster.ready(this.#sight, toArea(area));
    if (waited === undefined) {
      act();
      return;
    }
    this.isWaiting = true;
    waited.then(
      () => {
        this.isWaiting = false;
        if (!this.isOver) act();
      },
      (error) => {
        this.isWaiting = false;
        if (error.code !== 'unavailable') this.belief.contradictions.push(String(error.stack));
        if (this.#subscription === undefined) this.isOver = true;
      },
    );
  }

  #hear(message: Message): void {
    this.messages.push(message);
    if (this.isOver) this.belief.contradictions.push('told after the end');
    this.belief.hear(message);
  }
}
