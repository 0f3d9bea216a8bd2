import type { Position } from '../fix.ts';

/**
 * Resolution of the H3 cells by which fixes of the past are found: about 36 km², so that a city is some dozens of them, and
 * the widest circle that can be asked for by default some thousand.
 */
export const HISTORY_RESOLUTION = 6;

/** A part of a fleet's past. Times are epoch milliseconds, both ends included. */
export interface Span {
  readonly fleet: string;
  readonly from: number;
  readonly to: number;
  /** Only drivers that have a fix in one of these cells (of {@link HISTORY_RESOLUTION}) in this time; absent: all. */
  readonly cells?: readonly string[];
}

/** Where the fixes of a whole fleet are kept, for a replay. */
export interface ReplaySource {
  /**
   * The latest fix in the span of each driver of it, wherever that is, in the order of driverIds (by Unicode code point):
   * the first `limit` of those after the given id.
   *
   * @throws {DomainError} `unavailable` when the store does not answer
   */
  latest(span: Span, limit: number, after?: string): Promise<readonly Position[]>;
  /**
   * All fixes in the span, wherever they are, of its drivers and of the `drivers` named: by timestamp, then driverId. The
   * first `limit` of those after the given place in this order.
   *
   * @throws {DomainError} as for {@link latest}
   */
  fixes(
    span: Span,
    drivers: readonly string[],
    limit: number,
    after?: { readonly timestamp: number; readonly driverId: string },
  ): Promise<readonly Position[]>;
}
