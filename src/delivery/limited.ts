/** The limits that somebody can meet and go on, by what is limited. */
export const LIMITS = ['connections', 'subscriptions', 'handshakes', 'requests', 'messages', 'bytes'] as const;

export type Limit = (typeof LIMITS)[number];

/** Who met a limit, as the log names it. */
export type Whose = { readonly subject: string; readonly fleet: string } | { readonly remoteAddress: string };

/** Where it is said. */
interface Log {
  warn(about: Whose & { readonly limit: Limit }, message: string): void;
}

/** Milliseconds in which the same is said once, … */
const WINDOW = 60_000;
/** … and no more lines than this are written: of addresses anybody may have thousands. */
const MAX_LINES = 60;

/** How often each limit was met, since the start; and by whom, as whoever operates the server has to know that. */
export class Limited {
  readonly counts: Record<Limit, number> = {
    connections: 0,
    subscriptions: 0,
    handshakes: 0,
    requests: 0,
    messages: 0,
    bytes: 0,
  };
  readonly #log: Log | undefined;
  readonly #clock: () => number;
  readonly #said = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  /**
   * @param log absent: who it was is said nowhere
   * @param clock milliseconds
   */
  constructor(log?: Log, clock = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
  }

  /** A limit was met. @param whose absent: nobody knows yet who it is */
  meet(limit: Limit, whose: Whose | undefined): void {
    this.counts[limit]++;
    if (this.#log === undefined || whose === undefined) return;
    const now = this.#clock();
    if (now - this.#since >= WINDOW) {
      this.#since = now;
      this.#said.clear();
    }
    const key = [limit, ...('subject' in whose ? [whose.fleet, whose.subject] : [whose.remoteAddress])].join('\0');
    if (this.#said.size >= MAX_LINES || this.#said.has(key)) return;
    this.#said.add(key);
    this.#log.warn({ limit, ...whose }, 'a limit was met');
  }
}

/** A principal as the log names it. */
export function whose({ subject, fleet }: { readonly subject: string; readonly fleet: string }): Whose {
  return { subject, fleet };
}
