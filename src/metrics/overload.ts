import type { Overload } from '../overload/overload.ts';
import type { Instruments } from './instruments.ts';

/** Whether there is too much to do, and who was sent away for it. */
export function overloadMetrics(on: Instruments, overload: Overload): void {
  on.gauge('nearcast_overloaded', 'Whether newcomers are sent away, by what is too much: 1 or 0.', ['reason'], () => [
    { labels: { reason: 'lag' }, value: Number(overload.lagging) },
    { labels: { reason: 'heap' }, value: Number(overload.heapFull) },
  ]);
  on.counter('nearcast_shed_total', 'Newcomers that were sent away.', ['kind'], () => [
    { labels: { kind: 'websocket' }, value: overload.shed.webSocket },
    { labels: { kind: 'stream' }, value: overload.shed.stream },
    { labels: { kind: 'poll' }, value: overload.shed.poll },
    { labels: { kind: 'request' }, value: overload.shed.request },
  ]);
}
