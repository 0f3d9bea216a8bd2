import { collectDefaultMetrics, Registry } from 'prom-client';

/** What is counted by listing every socket; `nearcast_connections` costs less and says more. */
const COSTLY = /^nodejs_active_/;

let registry: Registry | undefined;

/**
 * What prom-client tells of a Node process: processor, memory, garbage, event-loop lag. One for all apps of the process,
 * as it keeps observers that have no end.
 */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const { name } of registry.getMetricsAsArray()) if (COSTLY.test(name)) registry.removeSingleMetric(name);
  }
  return registry;
}
