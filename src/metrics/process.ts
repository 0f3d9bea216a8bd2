import { getHeapStatistics } from 'node:v8';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** What is counted by listing every socket; `nearcast_connections` costs less and says more. */
const COSTLY = /^nodejs_active_/;

let registry: Registry | undefined;

/**
 * What prom-client tells of a Node process: processor, memory, garbage, event-loop lag. One for all apps of the process,
 * as it keeps observers that have no end.
 */
export function processMetrics(): Registry {
  registry ??= make();
  return registry;
}

function make(): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register });
  for (const { name } of register.getMetricsAsArray()) if (COSTLY.test(name)) register.removeSingleMetric(name);
  new Gauge({
    name: 'nearcast_heap_limit_bytes',
    help: 'How large the heap may become; at it the process ends.',
    registers: [register],
  }).set(getHeapStatistics().heap_size_limit);
  return register;
}
