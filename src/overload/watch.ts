import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Overload } from './overload.ts';

/** Milliseconds between two looks at the lag. */
const INTERVAL = 50;
/**
 * Bytes of V8's `heap_size_limit` that are for what was just made (three semi-spaces of 64 MB). What lives on must find room
 * in the rest, and it is there that a heap is full. Whoever made them smaller is warned a little early.
 */
const YOUNG = 192 * 1024 * 1024;

/**
 * Measures lag and memory, and tells. Neither is a reason for the process to live on.
 *
 * Of the heap only what a full collection leaves is looked at: before one, as much garbage may lie there as V8 finds worth
 * while, and a heap that looks full may be nearly empty. V8 collects ever more often towards its limit, so the news is fresh
 * when it matters.
 *
 * @returns ends it
 */
export function watchLoad(overload: Overload): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    overload.lagged(Math.max(0, now - last - INTERVAL), now);
    last = now;
  }, INTERVAL).unref();
  const observer = new PerformanceObserver((list) => {
    const full = list.getEntries().some((entry) => kindOf(entry) === constants.NODE_PERFORMANCE_GC_MAJOR);
    if (full) overload.collected(heapPercent(), performance.now());
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => {
    clearInterval(timer);
    observer.disconnect();
  };
}

/** Which collection an entry is of; Node’s types do not say where that stands. */
function kindOf(entry: object): number | undefined {
  return (entry as { detail?: { kind?: number } }).detail?.kind;
}

function heapPercent(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return (100 * used) / Math.max(limit - YOUNG, limit / 4);
}
