import type { Instruments } from './instruments.ts';

/** What is read off what tells on all that is stored; see `stream/fix-stream.ts`. */
export interface StreamState {
  /** What the stream has taken. */
  readonly entries: number;
  /** What waits to be added. */
  readonly waiting: number;
  /** What gave way as too much waited. */
  readonly dropped: number;
  /** Writes to it that failed. */
  readonly failures: number;
}

/** How REDIS_STREAM keeps up. */
export function streamMetrics(on: Instruments, stream: StreamState): void {
  const counter = (name: string, help: string, read: () => number) =>
    on.counter(`nearcast_stream_${name}`, help, [], () => [{ value: read() }]);

  counter('entries_total', 'Entries that were added to REDIS_STREAM.', () => stream.entries);
  on.gauge('nearcast_stream_waiting', 'Entries that are stored and wait to be added to it.', [], () => [
    { value: stream.waiting },
  ]);
  counter(
    'dropped_total',
    'Entries that are stored and will not be added to it, as too many waited or the server ended.',
    () => stream.dropped,
  );
  counter('failures_total', 'Writes to it that failed; each is tried again.', () => stream.failures);
}
