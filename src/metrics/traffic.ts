import type { Traffic, Transport } from '../delivery/traffic.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { Instruments, Reading } from './instruments.ts';

/** Codes that are told apart: the server's own, and those of RFC 6455 (7.4.1). A peer may send thousands of others. */
const CODES: ReadonlySet<number> = new Set([...Object.values(CLOSE), ...range(1000, 1015)]);

/** Who is connected, what is told to them and what waits for them. */
export function trafficMetrics(on: Instruments, { transports }: Traffic): void {
  const each = (read: (transport: Transport) => number) => () =>
    transports.map((transport) => ({ labels: { transport: transport.name }, value: read(transport) }));
  const ofPeers = (read: (peer: Transport['open'] extends Set<infer P> ? P : never) => number) =>
    each(({ open }) => {
      let sum = 0;
      for (const peer of open) sum += read(peer);
      return sum;
    });
  const BY = ['transport'];

  on.gauge(
    'nearcast_connections',
    'Open connections, by what their tokens allow: gateway, driver, watcher, other; nobody has no token yet.',
    ['transport', 'role'],
    () => transports.flatMap(roles),
  );
  on.counter(
    'nearcast_connections_opened_total',
    'Connections opened.',
    BY,
    each(({ opened }) => opened),
  );
  on.counter(
    'nearcast_connections_closed_total',
    'Connections closed, by WebSocket close code; 4508 is slow, 1005 a peer that left, 1006 one that was lost.',
    ['transport', 'code'],
    () => transports.flatMap(closes),
  );
  on.counter('nearcast_delivery_messages_total', 'Messages of subscriptions, by type.', ['transport', 'type'], () =>
    transports.flatMap(({ name, tally: { snapshots, changes } }) =>
      readings('type', { snapshot: snapshots, changes }, { transport: name }),
    ),
  );
  on.counter(
    'nearcast_deliveries_total',
    'Positions and exits that were told, by the list that they were in.',
    ['transport', 'kind'],
    () =>
      transports.flatMap(({ name, tally: { shown, entered, moved, exited } }) =>
        readings('kind', { snapshot: shown, enter: entered, move: moved, exit: exited }, { transport: name }),
      ),
  );
  on.counter(
    'nearcast_conflated_changes_total',
    'Changes that were not told, as newer ones of the same driver came while they waited.',
    BY,
    each(({ tally }) => tally.conflated),
  );
  on.histogram(
    'nearcast_delivery_age_seconds',
    'From the receipt of a fix to its being handed to a connection as a move; without those of a maxRate.',
    () => transports.map(({ name, tally }) => ({ labels: { transport: name }, value: tally.ages })),
  );
  on.gauge(
    'nearcast_outbox_bytes',
    'Bytes for peers that have not left the process.',
    BY,
    ofPeers(({ bufferedAmount }) => bufferedAmount),
  );
  on.gauge(
    'nearcast_outbox_drivers',
    'Drivers that subscriptions have yet to be told of, conflated.',
    BY,
    ofPeers(({ outbox }) => outbox.backlog),
  );
  on.gauge(
    'nearcast_connections_blocked',
    'Connections whose peers leave so much unread that changes wait.',
    BY,
    ofPeers(({ outbox }) => Number(outbox.blocked)),
  );
}

function roles({ name, open }: Transport): Reading<number>[] {
  const counts: Record<string, number> = { gateway: 0, driver: 0, watcher: 0, other: 0, nobody: 0 };
  for (const { role } of open) counts[role]++;
  return readings('role', counts, { transport: name });
}

function closes({ name, closed }: Transport): Reading<number>[] {
  // The one that is alerted on is there from the start, so that its first time is a rise.
  const counts: Record<string, number> = { [CLOSE.slow]: 0 };
  for (const [code, count] of closed) {
    const label = CODES.has(code) ? String(code) : 'other';
    counts[label] = (counts[label] ?? 0) + count;
  }
  return readings('code', counts, { transport: name });
}

function readings(
  label: string,
  counts: Readonly<Record<string, number>>,
  labels: Readonly<Record<string, string>>,
): Reading<number>[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { ...labels, [label]: name }, value }));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
