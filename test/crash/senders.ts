import type { Random } from '../support/random.ts';
import { type Answer, Connection } from './connection.ts';
import type { Driver } from './driver.ts';
import type { Entry, SentFix, Word } from './ledger.ts';

/** What a sender sends to, and with what. */
export interface Target {
  readonly url: string;
  readonly token: string;
  /** Called with each acknowledgement. */
  readonly onAnswered: () => void;
}

/** A fix, and whose. */
interface Sent {
  readonly driver: Driver;
  readonly fix: SentFix;
}

/** Fixes of one message. */
const BATCH = 40;
/** Share of a driver's actions that is to go off duty. */
const OFF_DUTY = 0.02;
/** Fixes that are sent again, at the most. */
const AGAIN = 100;
/** Share of the connections that send again what was not acknowledged on the last one. */
const FAITHFUL = 0.5;

const WORDS: ReadonlySet<string> = new Set<Word>(['accepted', 'late', 'duplicate']);

/** Sends for some drivers, of whom nobody else does, so that the order in which a server gets it is known. */
export abstract class Sender {
  protected readonly drivers: readonly Driver[];
  protected readonly random: Random;
  /** What was sent and not acknowledged, in order. */
  readonly #unacknowledged = new Map<Entry, Sent>();
  protected target: Target | undefined;

  constructor(drivers: readonly Driver[], random: Random) {
    this.drivers = drivers;
    this.random = random;
  }

  /** Connects to a server, the one before being gone. */
  async begin(target: Target): Promise<void> {
    this.target = target;
    await this.connect(target);
    const again = [...this.#unacknowledged.values()].slice(-AGAIN);
    this.#unacknowledged.clear();
    if (this.random.next() >= FAITHFUL) return;
    while (again.length > 0) void this.send(again.splice(0, BATCH));
  }

  /** Sends something, unless too much waits for its answer. Resolves when the next may be sent. */
  async act(): Promise<void> {
    const driver = this.random.pick(this.drivers);
    if (this.random.next() < OFF_DUTY) await this.#offDuty(driver);
    else await this.next();
  }

  /** Resolves when all is answered, or never will be. */
  abstract settled(): Promise<void>;
  abstract end(): void;
  protected abstract connect(target: Target): Promise<void>;
  /** Sends something. */
  protected abstract next(): Promise<void>;
  /** Resolves once all that was sent has reached the server, with whether it has. */
  protected abstract arrived(): Promise<boolean>;
  protected abstract ask(fixes: readonly SentFix[]): Promise<Answer | undefined>;

  /** Sends fixes in one message, and takes down what the server says. */
  protected async send(list: readonly Sent[]): Promise<void> {
    const entries = list.map(({ driver, fix }) => {
      const entry = driver.ledger.send(fix);
      this.#unacknowledged.set(entry, { driver, fix });
      return entry;
    });
    const answer = await this.ask(list.map(({ fix }) => fix));
    if (answer === undefined) return;
    for (const [i, { verdict }] of (answer.results ?? [{ verdict: answer.verdict ?? '' }]).entries()) {
      if (!WORDS.has(verdict)) continue;
      list[i].driver.ledger.settle(entries[i], verdict as Word);
      this.#unacknowledged.delete(entries[i]);
    }
    this.target?.onAnswered();
  }

  async #offDuty({ ledger }: Driver): Promise<void> {
    if (this.target === undefined || !(await this.arrived())) return;
    const { url, token, onAnswered } = this.target;
    const entry = ledger.depart();
    const status = await statusOf(
      fetch(`${url}/v1/drivers/${ledger.driverId}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      }),
    );
    if (status !== 204 && status !== 404) return;
    ledger.settle(entry, status === 204 ? 'gone' : 'unknown');
    onAnswered();
  }
}

/** A phone with a connection of its own, fix by fix, or a gateway with many drivers on one, in batches. */
export class SocketSender extends Sender {
  readonly #window: number;
  #connection: Connection | undefined;
  #answers: Promise<void> = Promise.resolve();

  /** @param window messages that may wait for their answers */
  constructor(drivers: readonly Driver[], random: Random, window: number) {
    super(drivers, random);
    this.#window = window;
  }

  override async connect({ url, token }: Target): Promise<void> {
    this.#connection = await Connection.open(url, token);
  }

  override async next(): Promise<void> {
    if (!this.#connection?.open || this.#connection.unanswered >= this.#window) return;
    const [driver, ...others] = this.drivers;
    const list =
      others.length === 0
        ? [driver]
        : Array.from({ length: 1 + this.random.below(BATCH) }, () => this.random.pick(this.drivers));
    void this.send(list.map((one) => ({ driver: one, fix: one.next() })));
  }

  protected override send(list: readonly Sent[]): Promise<void> {
    const sent = super.send(list);
    this.#answers = Promise.all([this.#answers, sent]).then(() => {});
    return sent;
  }

  override settled(): Promise<void> {
    return this.#answers;
  }

  override end(): void {
    this.#connection?.close();
  }

  protected override async arrived(): Promise<boolean> {
    // It is answered at once, and messages are taken in order.
    return (await this.#connection?.ask({ type: 'ping' })) !== undefined;
  }

  protected override async ask(fixes: readonly SentFix[]): Promise<Answer | undefined> {
    const message = fixes.length === 1 ? fixes[0] : { type: 'positions', positions: fixes };
    return this.#connection?.ask(message);
  }
}

/** Posts, one request after the other. */
export class PostSender extends Sender {
  #answer: Promise<void> = Promise.resolve();
  #gone = false;

  override async connect(): Promise<void> {
    this.#gone = false;
  }

  override async next(): Promise<void> {
    if (this.#gone) return;
    const length = this.random.next() < 0.5 ? 1 : 1 + this.random.below(BATCH);
    const list = Array.from({ length }, () => this.random.pick(this.drivers));
    await this.send(list.map((driver) => ({ driver, fix: driver.next() })));
  }

  /** Requests that are under way at the same time may arrive in any order. */
  protected override send(list: readonly Sent[]): Promise<void> {
    this.#answer = this.#answer.then(() => super.send(list));
    return this.#answer;
  }

  override settled(): Promise<void> {
    return this.#answer;
  }

  override end(): void {}

  protected override async arrived(): Promise<boolean> {
    await this.#answer;
    return !this.#gone;
  }

  protected override async ask(fixes: readonly SentFix[]): Promise<Answer | undefined> {
    const { url, token } = this.target as Target;
    try {
      const answer = await fetch(`${url}/v1/positions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(fixes.length === 1 ? fixes[0] : { positions: fixes }),
      });
      return answer.ok ? ((await answer.json()) as Answer) : undefined;
    } catch {
      this.#gone = true;
      return undefined;
    }
  }
}

async function statusOf(request: Promise<Response>): Promise<number | undefined> {
  try {
    const answer = await request;
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return undefined;
  }
}
