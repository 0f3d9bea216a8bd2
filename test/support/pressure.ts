import type { Socket } from 'node:net';
import type { Subscription } from '../../src/subscriptions/subscription.ts';
import type { TestServer } from './server.ts';
import type { Traffic } from './traffic.ts';

/** The server's ends of the connections that are made from now on. */
export function serverSockets({ app }: TestServer): Socket[] {
  const sockets: Socket[] = [];
  app.server.on('connection', (socket) => sockets.push(socket));
  return sockets;
}

/** The subscriptions that hold a driver. */
export function watchersOf({ tracker }: TestServer, driverId: string): readonly Subscription[] {
  return tracker.driver({ fleet: 'default' }, driverId)?.watchers ?? [];
}

/** Two ends of turns later: what a turn caused has been handed to its connections. */
export async function turns(count = 2): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/** Megabytes that a system may hold for a peer that reads nothing. */
const MOST_HELD = 100;

/**
 * Moves everybody, turn by turn, until what is told of it waits because the peer does not read: the system holds some
 * megabytes for it before that.
 */
export async function moveUntilWaiting(traffic: Traffic, subscription: Subscription): Promise<void> {
  const perTurn = 200 * traffic.places.size;
  for (let bytes = 0; bytes < MOST_HELD * 1e6; bytes += perTurn) {
    traffic.moveAll();
    await turns();
    if (subscription.backlog > 0) return;
  }
  throw new Error(`${MOST_HELD} MB were told to a peer that reads nothing, and still nothing waits`);
}
