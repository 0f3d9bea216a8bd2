import type { LeaseState } from '../cluster/lease.ts';
import type { Instruments } from './instruments.ts';

/** What is read off what instances do together; see `cluster/cluster.ts`. */
export interface ClusterState {
  /** Whether the bus gets messages through. */
  readonly isUp: boolean;
  /** Counted since the start. */
  readonly stats: {
    readonly messagesIn: number;
    readonly messagesOut: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
    /** Messages that could not be read. */
    readonly badMessages: number;
    /** Channels on which a message may have reached nobody. */
    readonly unsent: number;
    /** Times that a message of others was missed. */
    readonly gaps: number;
    /** Reads of cells from the store, by why. */
    readonly loads: Readonly<Record<string, number>>;
    readonly failedLoads: number;
    /** Questions that were answered from the store, by kind. */
    readonly cold: Readonly<Record<string, number>>;
    /** Drivers that were looked up because another instance may have heard of them last. */
    readonly met: number;
    /** Drivers whose fixes this instance began to take. */
    readonly adopted: number;
  };
  readonly leases: {
    readonly fleets: Iterable<{ readonly leases: ReadonlyMap<unknown, { readonly state: LeaseState }> }>;
  };
}

/** What instances tell each other, and what each holds of what they share. */
export function clusterMetrics(on: Instruments, state: ClusterState): void {
  const { stats } = state;
  const counter = (name: string, help: string, read: () => number) =>
    on.counter(`nearcast_${name}`, help, [], () => [{ value: read() }]);
  const counterBy = (name: string, help: string, label: string, read: () => Readonly<Record<string, number>>) =>
    on.counter(`nearcast_${name}`, help, [label], () =>
      Object.entries(read()).map(([key, value]) => ({ labels: { [label]: key }, value })),
    );

  on.gauge('nearcast_bus_up', 'Whether other instances can be told and heard: 1 or 0.', [], () => [
    { value: Number(state.isUp) },
  ]);
  counterBy('bus_messages_total', 'Messages on the bus, to this instance and from it.', 'direction', () => ({
    in: stats.messagesIn,
    out: stats.messagesOut,
  }));
  counterBy('bus_bytes_total', 'Bytes of them.', 'direction', () => ({ in: stats.bytesIn, out: stats.bytesOut }));
  counter(
    'bus_unsent_total',
    'Times that what was told on a channel may have reached nobody; whoever hears it reads the store when it can be told.',
    () => stats.unsent,
  );
  counter(
    'bus_unreadable_total',
    'Messages that could not be read: of another version, or not of Nearcast.',
    () => stats.badMessages,
  );
  on.gauge(
    'nearcast_leases',
    'Cells of which this instance holds all that moves, by how well it does.',
    ['state'],
    () => {
      const counts: Record<LeaseState, number> = { opening: 0, loading: 0, held: 0, doubtful: 0 };
      for (const { leases } of state.leases.fleets) for (const { state } of leases.values()) counts[state]++;
      return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
    },
  );
  counterBy('lease_loads_total', 'Reads of such cells from the store, by why.', 'reason', () => stats.loads);
  counter('lease_load_failures_total', 'Such reads that failed; each is tried again.', () => stats.failedLoads);
  counter(
    'lease_gaps_total',
    'Times that messages of another instance were missed, so that cells were read anew.',
    () => stats.gaps,
  );
  counterBy(
    'cold_queries_total',
    'Questions that were answered from the store, as what they were about was not held; by kind.',
    'query',
    () => stats.cold,
  );
  counter(
    'drivers_met_total',
    'Drivers that were looked up in the store, as another instance may have heard of them last.',
    () => stats.met,
  );
  counter('drivers_adopted_total', 'Drivers that came over to this instance from another.', () => stats.adopted);
}
