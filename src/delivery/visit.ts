import type { FastifyBaseLogger } from 'fastify';
import type { Principal, Role } from '../auth/principal.ts';

/** Numbers connections within the process, so that the lines of one can be found. */
let last = 0;

/**
 * One connection, as the log tells of it: a line at `info` as soon as it is known who it is, and one when it is over. No
 * position, no token, and nothing that a peer made up but its token's subject and fleet.
 */
export class Visit {
  readonly id = ++last;
  readonly #log: FastifyBaseLogger;
  readonly #transport: string;
  /** Kept, as a socket that is closed does not know it any more. */
  readonly #address: string | undefined;
  readonly #since = performance.now();
  #principal: Principal | undefined;
  received = 0;
  sent = 0;

  constructor(log: FastifyBaseLogger, transport: string, address: string | undefined) {
    this.#log = log;
    this.#transport = transport;
    this.#address = address;
  }

  get role(): Role {
    return this.#principal?.role ?? 'nobody';
  }

  /** It is this one, now or still. */
  is(principal: Principal): void {
    const isNew = this.#principal === undefined;
    this.#principal = principal;
    if (isNew) this.#log.info(this.#who(), 'connected');
  }

  /** @param reason in words of ours */
  over(code: number, reason: string): void {
    const seconds = Math.round(performance.now() - this.#since) / 1000;
    const { received, sent } = this;
    // Of one that never said who it is there is nothing to know, and anybody can open and close thousands.
    const level = this.#principal === undefined ? 'debug' : 'info';
    this.#log[level]({ ...this.#who(), code, reason, seconds, received, sent }, 'disconnected');
  }

  #who(): Record<string, unknown> {
    return {
      connection: this.id,
      transport: this.#transport,
      role: this.role,
      subject: this.#principal?.subject,
      fleet: this.#principal?.fleet,
      remoteAddress: this.#address,
    };
  }
}
