import type { IssuerKeys } from '../auth/jwks.ts';
import type { Limited } from '../delivery/limited.ts';
import type { Traffic } from '../delivery/traffic.ts';
import type { RouteTimes } from '../http/latency.ts';
import type { Ingest } from '../ingest.ts';
import type { Overload } from '../overload/overload.ts';
import type { Tracker } from '../tracker.ts';
import { VERSION } from '../version.ts';
import { type AccessState, accessMetrics } from './access.ts';
import { type ClusterState, clusterMetrics } from './cluster.ts';
import { fixMetrics, trackerMetrics } from './core.ts';
import { Instruments } from './instruments.ts';
import { issuerMetrics } from './issuer.ts';
import { limitMetrics } from './limits.ts';
import { overloadMetrics } from './overload.ts';
import { processMetrics } from './process.ts';
import { storeMetrics, type WriterState } from './store.ts';
import { type StreamState, streamMetrics } from './stream.ts';
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
  /** Absent where there is one instance, both. */
  readonly cluster: ClusterState | undefined;
  readonly access: AccessState | undefined;
  /** Absent where there is no such stream. */
  readonly stream: StreamState | undefined;
}

/** The metrics of one app and its process. No label holds what a client made up. */
export class Metrics {
  readonly #own = new Instruments();
  readonly #process = processMetrics();

  constructor(measured: Measured) {
    const { ingest, tracker, traffic, writer, maxPendingFixes, routes, overload, limited, keys } = measured;
    const { cluster, access, stream } = measured;
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
    if (cluster !== undefined) clusterMetrics(on, cluster);
    if (access !== undefined) accessMetrics(on, access);
    if (stream !== undefined) streamMetrics(on, stream);
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
