import type { ClusterState } from '../../src/metrics/cluster.ts';

/** What an instance among others might have counted, each number another. */
export function clusterState(): ClusterState {
  const lease = (state: 'opening' | 'loading' | 'held' | 'doubtful') => ({ state });
  return {
    isUp: true,
    stats: {
      messagesIn: 11,
      messagesOut: 12,
      bytesIn: 13,
      bytesOut: 14,
      badMessages: 15,
      unsent: 16,
      gaps: 17,
      loads: { open: 21, late: 22, gap: 23, beat: 24, return: 25, check: 26, away: 27 },
      failedLoads: 28,
      cold: { driver: 31, nearby: 32, within: 33, cells: 34 },
      met: 41,
      adopted: 42,
    },
    leases: {
      fleets: [
        { leases: new Map([lease('held'), lease('held'), lease('doubtful')].entries()) },
        { leases: new Map([lease('held'), lease('loading')].entries()) },
      ],
    },
  };
}
