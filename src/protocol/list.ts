import type { Driver } from '../subscriptions/driver.ts';
import { encodeList } from './position.ts';

/** Drivers that a query found. */
export interface Found {
  readonly drivers: readonly Driver[];
  /** Metres, one for each, where a centre was given. */
  readonly distances?: readonly number[];
  readonly cursor: string;
  /** There are more. */
  readonly truncated: boolean;
}

/** An answer that is a list of drivers. @param next the path to the next page */
export function encodeAnswer(found: Found, serverTime: number, next?: string): string {
  const list = encodeList(found.drivers, found.distances);
  return `{${encodeHead(found, serverTime)},"drivers":[${list}]${encodeNext(next)}}`;
}

/** What goes before the list, the inside of a JSON object. */
export function encodeHead({ cursor, truncated }: Found, serverTime: number): string {
  return `"serverTime":${serverTime},"cursor":"${cursor}"${truncated ? ',"truncated":true' : ''}`;
}

/** What goes behind a list that may have another page. */
export function encodeNext(next: string | undefined): string {
  return next === undefined ? '' : `,"next":${JSON.stringify(next)}`;
}
