import { LIMITS, type Limited } from '../delivery/limited.ts';
import type { Instruments } from './instruments.ts';

/** Who was held to a limit. */
export function limitMetrics(on: Instruments, limited: Limited): void {
  on.counter(
    'nearcast_limited_total',
    'Times that a limit was met: connections, subscriptions and requests of a subject, handshakes of an address, and waits of connections for their messages or bytes.',
    ['limit'],
    () => LIMITS.map((limit) => ({ labels: { limit }, value: limited.counts[limit] })),
  );
}
