import type { ErrorCode, Fault } from '../errors.ts';
import type { Driver } from '../subscriptions/driver.ts';
import type { EncodeMessages } from '../subscriptions/outbox.ts';
import type { Subscription } from '../subscriptions/subscription.ts';
import { encodeList } from './position.ts';

/** Writes the messages of subscriptions. @param now the server's clock, epoch milliseconds */
export function messageEncoder(
  now: () => number,
  cursorOf: (subscription: Subscription) => string = (subscription) => subscription.cursor(),
): EncodeMessages {
  const head = (type: string, subscription: Subscription): string =>
    `{"type":"${type}","subscription":${JSON.stringify(subscription.id)},"cursor":"${cursorOf(subscription)}","serverTime":${now()}`;
  return {
    snapshot(subscription, { resumed, drivers, unchanged }) {
      let message = `${head('snapshot', subscription)},"resumed":${resumed},"drivers":[${encodeList(drivers)}]`;
      if (resumed) message += `,"unchanged":[${encodeIds(unchanged)}]`;
      const { followed } = subscription;
      if (followed !== undefined) message += `,"followed":"${followed}"`;
      return `${message}}`;
    },
    changes(subscription, { enter, move, exit, followed }) {
      let message = head('changes', subscription);
      if (enter.length > 0) message += `,"enter":[${encodeList(enter)}]`;
      if (move.length > 0) message += `,"move":[${encodeList(move)}]`;
      if (exit.length > 0) message += `,"exit":${JSON.stringify(exit)}`;
      if (followed !== undefined) message += `,"followed":"${followed}"`;
      return `${message}}`;
    },
  };
}

function encodeIds(drivers: readonly Driver[]): string {
  return drivers.map(({ id }) => JSON.stringify(id)).join();
}

/** What an error message on a connection is about. */
export interface About {
  readonly id?: string | number;
  readonly subscription?: string;
}

/** An `error` message. */
export function errorMessage(code: ErrorCode, message: string, faults: readonly Fault[], about: About): string {
  const field = faults.length === 1 ? faults[0].field || undefined : undefined;
  return JSON.stringify({ type: 'error', code, message, field, ...about });
}

/** An `expiring` message. @param now epoch milliseconds */
export function expiringMessage({ statedExpiry }: { readonly statedExpiry: number }, now: () => number): string {
  return JSON.stringify({ type: 'expiring', expiresAt: statedExpiry, serverTime: now() });
}
