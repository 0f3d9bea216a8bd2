import type { ErrorCode, Fault } from '../errors.ts';
import type { EncodeMessages } from '../subscriptions/outbox.ts';
import { encodeList } from './position.ts';

/** Writes the messages of subscriptions. @param now the server's clock, epoch milliseconds */
export function messageEncoder(now: () => number): EncodeMessages {
  return {
    snapshot({ id, subject }, drivers) {
      return `${head('snapshot', id, subject.cursor, now())},"resumed":false,"drivers":[${encodeList(drivers)}]}`;
    },
    changes({ id, subject }, enter, move, exit) {
      let message = head('changes', id, subject.cursor, now());
      if (enter.length > 0) message += `,"enter":[${encodeList(enter)}]`;
      if (move.length > 0) message += `,"move":[${encodeList(move)}]`;
      if (exit.length > 0) message += `,"exit":${JSON.stringify(exit)}`;
      return `${message}}`;
    },
  };
}

function head(type: string, subscription: string, cursor: string, serverTime: number): string {
  return `{"type":"${type}","subscription":${JSON.stringify(subscription)},"cursor":"${cursor}","serverTime":${serverTime}`;
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
