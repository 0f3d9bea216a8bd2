import type { IssuerKeys } from '../auth/jwks.ts';
import type { Limited } from '../delivery/limited.ts';
import type { Traffic } from '../delivery/traffic.ts';
import type { RouteTimes } from '../http/latency.ts';
import type { Ingest } from '../ingest.ts';
import type { Overload } from '../overload/overload.ts';
import type { Tracker } from '../tracker.ts';
import { VERSION } from '../version.ts';
import { fixMetrics, trackerMetrics } from './core.ts';
import { Instruments } from './instruments.ts';
import { issuerMetrics } from './issuer.ts';
import { limitMetrics } from './limits.ts';
import { overloadMetrics } from './overload.ts';
import { processMetrics } from './process.ts';
import { storeMetrics, type WriterState } from './store.ts';
import { trafficMetrics } from './traffic.ts';

/** What is measured. */
export interface Measured {
  readonly ingest: Ingest;
  readonly tracker: Tracker;
  readonly traffic: Traffic;
  /** Absent where nothing is stored. */
  readonly writer: WriterState | undefined;
  readonly maxPendingFixes: number;
  readonly routes: readonly RouteTimes[];
  readonly overload: Overload;
  readonly limited: Limited;
  /** Absent where no issuer is asked for keys. */
  readonly keys: Pick<IssuerKeys, 'available'> | undefined;
}

/** The metrics of one app and its process. No label holds what a client made up. */
export class Metrics {
  readonly #own = new Instruments();
  readonly #process = processMetrics();

  constructor({ ingest, tracker, traffic, writer, maxPendingFixes, routes, overload, limited, keys }: Measured) {
    const on = this.#own;
    on.gauge('nearcast_build_info', '1; the label tells the version.', ['version'], () => [
      { labels: { version: VERSION }, value: 1 },
    ]);
    fixMetrics(on, ingest.judged);
    trackerMetrics(on, tracker);
    if (writer !== undefined) storeMetrics(on, writer, maxPendingFixes);
    trafficMetrics(on, traffic);
    requestMetrics(on, routes);
    overloadMetrics(on, overload);
    limitMetrics(on, limited);
    issuerMetrics(on, keys);
  }

  get contentType(): string {
    return this.#process.contentType;
  }

  /** All as text. */
  async read(): Promise<string> {
    const [own, process] = await Promise.all([this.#own.text(), this.#process.metrics()]);
    return `${own}\n${process}`;
  }
}

/** How long requests took, of those classes of status that there were. */
function requestMetrics(on: Instruments, routes: readonly RouteTimes[]): void {
  on.histogram(
    'nearcast_http_request_duration_seconds',
    'From a request’s coming to its answer’s being handed to the connection, without those that wait for something to happen: /v1/stream, /v1/changes, /v1/replay.',
    () =>
      routes.flatMap(({ method, route, classes }) =>
        classes.flatMap((value, first) =>
          value.counts.some((count) => count > 0) ? [{ labels: { method, route, status: `${first}xx` }, value }] : [],
        ),
      ),
  );
}
