import type { LoadReason } from './lease.ts';

/** What the instances of a cluster do together, counted since the start; see `metrics/cluster.ts`. */
export class ClusterStats {
  messagesIn = 0;
  messagesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Messages that could not be read. */
  badMessages = 0;
  /** Channels on which a message may have reached nobody. */
  unsent = 0;
  /** Times that a message of others was missed. */
  gaps = 0;
  /** Times that a cell was read from the store, by why. */
  readonly loads: Record<LoadReason, number> = {
    open: 0,
    late: 0,
    gap: 0,
    beat: 0,
    return: 0,
    check: 0,
    away: 0,
  };
  /** Reads of cells that failed. */
  failedLoads = 0;
  /** Questions that were answered from the store, by kind. */
  readonly cold: Record<'driver' | 'nearby' | 'within' | 'cells', number> = {
    driver: 0,
    nearby: 0,
    within: 0,
    cells: 0,
  };
  /** Drivers that were looked up because another instance may have heard of them last. */
  met = 0;
  /** Drivers whose fixes this instance began to take. */
  adopted = 0;
}
