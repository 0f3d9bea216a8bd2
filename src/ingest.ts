import type { Principal } from './auth/principal.ts';
import { DomainError, type Fault } from './errors.ts';
import type { RefusalCode, Verdict } from './fix.ts';
import { driverIdSchema, type FixMessage, MAX_ID, toFix } from './protocol/fix.ts';
import { parseFix } from './protocol/plain-fix.ts';
import type { OnStored } from './store/group-commit.ts';
import type { Tracker, Waits } from './tracker.ts';

/** What a client is told of one fix. */
export interface Result {
  readonly verdict: Verdict;
  readonly code?: RefusalCode;
  readonly message?: string;
}

/** A refusal, with the fields at fault. */
export interface Refusal extends Result {
  readonly verdict: 'refused';
  readonly code: RefusalCode;
  readonly message: string;
  readonly faults: readonly Fault[];
}

/** How often there was which verdict, and which code of those refused. */
export interface Judged {
  readonly verdicts: Readonly<Record<Exclude<Verdict, 'refused'>, number>>;
  readonly refusals: Readonly<Record<RefusalCode, number>>;
}

const BEHIND = 'The store is behind; send it again later.';
const NOT_STORED: Result = { verdict: 'refused', code: 'unavailable', message: 'It could not be stored.' };
const REQUIRED: Fault = { field: 'driverId', message: 'is required' };
const ACCEPTED: Result = { verdict: 'accepted' };
const DUPLICATE: Result = { verdict: 'duplicate' };
const LATE: Result = { verdict: 'late' };

/** Takes in fixes, whatever they came by: parse, may this principal, accept. */
export class Ingest {
  readonly #tracker: Tracker;
  readonly #maxFutureSeconds: number;
  readonly #waits: Pick<Waits, 'meet'> | undefined;
  readonly #verdicts = { accepted: 0, duplicate: 0, late: 0 };
  readonly #refusals = { invalid: 0, future: 0, forbidden: 0, unavailable: 0 };

  /** @param waits absent: this is the only instance */
  constructor(tracker: Tracker, maxFutureSeconds: number, waits?: Pick<Waits, 'meet'>) {
    this.#tracker = tracker;
    this.#maxFutureSeconds = maxFutureSeconds;
    this.#waits = waits;
  }

  /**
   * What fixes as they came from the wire have to wait for before they are judged: another instance may know more of their
   * drivers. Never rejects.
   */
  meet(principal: Principal, values: readonly unknown[]): Promise<void> | undefined {
    if (this.#waits === undefined) return undefined;
    const driverIds: string[] = [];
    for (const value of values) {
      if (typeof value !== 'object' || value === null) continue;
      const driverId = 'driverId' in value ? value.driverId : principal.subject;
      if (typeof driverId === 'string' && driverId.length <= MAX_ID) driverIds.push(driverId);
    }
    return driverIds.length === 0 ? undefined : this.#waits.meet(principal.fleet, driverIds);
  }

  /** What was judged until now. */
  get judged(): Judged {
    return { verdicts: this.#verdicts, refusals: this.#refusals };
  }

  /**
   * The verdict on one fix as it came from the wire. It is in memory then, and not yet stored.
   *
   * @param onStored called once it is stored, or with why it never will be; not if it is refused
   */
  judge(principal: Principal, value: unknown, onStored?: OnStored): Result | Refusal {
    let message: FixMessage;
    try {
      message = parseFix(value);
    } catch (error) {
      if (error instanceof DomainError) return this.#refuse('invalid', error.message, error.faults);
      throw error;
    }
    let { driverId } = message;
    if (driverId === undefined) {
      // A gateway speaks for others, and a token's subject need not be an id that a driver can have.
      if (principal.canWriteAny) return this.#refuse('invalid', 'driverId is required', [REQUIRED]);
      driverId = principal.subject;
      if (!driverIdSchema.safeParse(driverId).success) {
        return this.#refuse('invalid', 'driverId is required: the subject of the token cannot be one', [REQUIRED]);
      }
    }
    if (!principal.canWriteAs(driverId)) {
      return this.#refuse('forbidden', 'driverId must be the subject of the token', [
        { field: 'driverId', message: 'must be the subject of the token' },
      ]);
    }
    switch (this.#tracker.accept(principal.fleet, toFix(message, driverId), onStored)) {
      case 'accepted':
        this.#verdicts.accepted++;
        return ACCEPTED;
      case 'duplicate':
        this.#verdicts.duplicate++;
        return DUPLICATE;
      case 'late':
        this.#verdicts.late++;
        return LATE;
      case 'future': {
        const rule = `must not be more than ${this.#maxFutureSeconds} s ahead of the server’s clock`;
        return this.#refuse('future', `timestamp ${rule}`, [{ field: 'timestamp', message: rule }]);
      }
      case 'unavailable':
        return this.#refuse('unavailable', BEHIND);
    }
  }

  #refuse(code: RefusalCode, message: string, faults: readonly Fault[] = []): Refusal {
    this.#refusals[code]++;
    return { verdict: 'refused', code, message, faults };
  }

  /**
   * The verdicts on many fixes, in their order, handed over once all are stored.
   *
   * @throws {DomainError} `unavailable` when none could be taken
   */
  judgeAll(
    principal: Principal,
    values: readonly unknown[],
    onStored: (results: Result[], error?: Error) => void,
  ): void {
    const results = values.map((value, index): Result => {
      const result = this.judge(principal, value, (error) => {
        if (error !== undefined) results[index] = NOT_STORED;
      });
      return isRefusal(result) ? { verdict: 'refused', code: result.code, message: result.message } : result;
    });
    if (results.every(({ code }) => code === 'unavailable')) throw new DomainError('unavailable', BEHIND);
    this.#tracker.whenStored((error) => onStored(results, error));
  }
}

/** Whether a result is a refusal. */
export function isRefusal(result: Result | Refusal): result is Refusal {
  return result.verdict === 'refused';
}
