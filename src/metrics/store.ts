import type { WriteStats } from '../store/write-stats.ts';
import type { Instruments } from './instruments.ts';

/** What is read off the writer to the store; see `store/group-commit.ts`. */
export interface WriterState {
  readonly available: boolean;
  readonly full: boolean;
  /** Entries that wait. */
  readonly pending: number;
  readonly stats: WriteStats;
}

/** How the store keeps up. @param limit MAX_PENDING_FIXES */
export function storeMetrics(on: Instruments, writer: WriterState, limit: number): void {
  const { stats } = writer;
  const gauge = (name: string, help: string, read: () => number) =>
    on.gauge(`nearcast_store_${name}`, help, [], () => [{ value: read() }]);
  const counter = (name: string, help: string, read: () => number) =>
    on.counter(`nearcast_store_${name}`, help, [], () => [{ value: read() }]);

  gauge('available', 'Whether the last write reached the store: 1 or 0.', () => Number(writer.available));
  gauge('full', 'Whether so much waits that fixes are refused: 1 or 0.', () => Number(writer.full));
  gauge('queue_entries', 'Fixes, departures and acknowledgements that wait for the store.', () => writer.pending);
  gauge('queue_limit_entries', 'How many may wait before fixes are refused: MAX_PENDING_FIXES.', () => limit);
  on.histogram('nearcast_store_commit_duration_seconds', 'How long commits took, those that were made.', () => [
    { value: stats.times },
  ]);
  on.histogram('nearcast_store_commit_entries', 'Fixes and departures in a commit.', () => [{ value: stats.sizes }]);
  counter(
    'failures_total',
    'Writes that did not reach the store, or may not have; each is tried again.',
    () => stats.failures,
  );
  counter('rejected_total', 'Fixes and departures that the database refused for good.', () => stats.rejected);
}
