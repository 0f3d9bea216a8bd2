import { total } from './metrics-text.ts';
import { descendants, handlesOf, usageOf } from './process-usage.ts';
import type { Values } from './soak-report.ts';

/** Looks at a server from outside, and through what it says of itself. */
export class SoakSampler {
  readonly #pid: number;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  #cpu = Number.NaN;
  #at = Number.NaN;

  /** @param token that may read metrics */
  constructor(pid: number, url: string, token: string) {
    this.#pid = pid;
    this.#url = `${url}/metrics`;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** What is so now; the processor and the event loop since the last time. What cannot be known is left out. */
  async take(): Promise<Values> {
    const usage = usageOf(this.#pid);
    const handles = handlesOf(this.#pid);
    const database = descendants(this.#pid)
      .map(usageOf)
      .reduce((sum, used) => sum + (used?.rss ?? 0), 0);
    const now = performance.now();
    const share = (100_000 * ((usage?.cpuSeconds ?? Number.NaN) - this.#cpu)) / (now - this.#at);
    this.#cpu = usage?.cpuSeconds ?? Number.NaN;
    this.#at = now;
    const metrics = await (await fetch(this.#url, { headers: this.#headers })).text();
    return {
      rss: usage?.rss,
      database: database > 0 ? database : undefined,
      heap: total(metrics, 'nodejs_heap_size_used_bytes'),
      external: total(metrics, 'nodejs_external_memory_bytes'),
      lag: times(1000, total(metrics, 'nodejs_eventloop_lag_p99_seconds')),
      files: handles?.files,
      threads: handles?.threads,
      connections: total(metrics, 'nearcast_connections'),
      subscriptions: total(metrics, 'nearcast_subscriptions'),
      known: total(metrics, 'nearcast_drivers'),
      queue: total(metrics, 'nearcast_store_queue_entries'),
      cpu: Number.isNaN(share) ? undefined : share,
    };
  }
}

function times(factor: number, value: number | undefined): number | undefined {
  return value === undefined ? undefined : factor * value;
}
