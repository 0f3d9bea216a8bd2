import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import type { Histogram } from '../histogram.ts';

/** One value of a metric, and the labels that tell it from the others. */
export interface Reading<T> {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: T;
}

type Read<T> = () => Iterable<Reading<T>>;

/**
 * The metrics of one app. Each is read off plain numbers when somebody asks for it, and nothing is kept of it between:
 * those who count know nothing of Prometheus.
 */
export class Instruments {
  readonly #registry = new Registry();

  /** @param name with its unit; @param help ends up in the text */
  gauge(name: string, help: string, labelNames: readonly string[], read: Read<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        gauge.reset();
        for (const { labels, value } of read()) gauge.set(labels ?? {}, value);
      },
    });
  }

  /** A number that only grows, until the process ends. */
  counter(name: string, help: string, labelNames: readonly string[], read: Read<number>): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        counter.reset();
        for (const { labels, value } of read()) counter.inc(labels ?? {}, value);
      },
    });
  }

  /** Prom-client's own can only be filled one by one, so this is another kind of metric, as it asks of them. */
  histogram(name: string, help: string, read: Read<Histogram>): void {
    const histogram = {
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      async get() {
        return { ...this, values: Array.from(read(), (reading) => rows(name, reading)).flat() };
      },
    };
    this.#registry.registerMetric(histogram as unknown as Metric);
  }

  /** All in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** A histogram as Prometheus has it: how many are at or below each bound, all, and their sum. */
function rows(name: string, { labels = {}, value: { bounds, counts, sum, unit } }: Reading<Histogram>) {
  let count = 0;
  const buckets = Array.from(counts, (more, i) => {
    count += more;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum * unit },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
