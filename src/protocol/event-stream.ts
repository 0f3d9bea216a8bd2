import type { EncodeMessages } from '../subscriptions/outbox.ts';
import type { Subscription } from '../subscriptions/subscription.ts';

/** One event of a stream (HTML Standard, 9.2.6). @param data without line breaks */
export function encodeEvent(event: string, data: string, id?: string): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;
}

/** What keeps a stream alive and says nothing. */
export const HEARTBEAT = ':\n\n';

/** How long to wait before connecting again, in whole milliseconds, as the browser's EventSource reads it. */
export function encodeRetry(seconds: number): string {
  return `retry: ${Math.round(seconds * 1000)}\n\n`;
}

/** The same, and the mark from which whoever heard it can go on. */
export function encodeHeartbeat(id: string): string {
  return `:\nid: ${id}\n\n`;
}

/** Writes the messages of subscriptions as events, whose id is the cursor. */
export function eventEncoder(
  encode: EncodeMessages,
  cursorOf: (subscription: Subscription) => string = (subscription) => subscription.cursor(),
): EncodeMessages {
  return {
    snapshot: (subscription, snapshot) =>
      encodeEvent('snapshot', encode.snapshot(subscription, snapshot), cursorOf(subscription)),
    changes: (subscription, changes) =>
      encodeEvent('changes', encode.changes(subscription, changes), cursorOf(subscription)),
  };
}
