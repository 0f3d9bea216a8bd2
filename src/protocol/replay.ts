import { DomainError, type Fault } from '../errors.ts';
import { readMark } from '../history/mark.ts';
import { number } from './fix.ts';
import { inQuery } from './query.ts';
import { momentSchema } from './track.ts';

const MIN_SPEED = 0.1;
const MAX_SPEED = 3_600;

const speedRule = `must be between ${MIN_SPEED} and ${MAX_SPEED}`;

/** What is asked of a replay beside the view, in a query string. */
export const replayInQuery = {
  from: momentSchema.meta({
    description: 'Where it begins: epoch milliseconds, or ISO 8601 with an offset.',
    example: 1_763_766_000_000,
  }),
  to: momentSchema.optional().meta({ description: 'Where it ends, likewise; now when absent.' }),
  speed: inQuery(
    number(speedRule).min(MIN_SPEED, { error: speedRule }).max(MAX_SPEED, { error: speedRule }).default(1),
  ).meta({ description: 'How much faster than it happened, at the most.', example: 60 }),
};

/** A part of the past. Times are epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

/**
 * What is left of the period that a client asks for, having been told all until a mark; one that is no mark of a replay has
 * no meaning. `undefined` when nothing is left.
 *
 * @throws {DomainError} `invalid`
 */
export function periodLeft(
  { from, to }: { readonly from: number; readonly to?: number },
  mark: string | undefined,
  now: number,
): Period | undefined {
  const faults: Fault[] = [];
  if (to !== undefined && to > now) faults.push({ field: 'to', message: 'must not be after now' });
  if (from >= (to ?? now)) faults.push({ field: 'from', message: `must be before ${to === undefined ? 'now' : 'to'}` });
  if (faults.length > 0) throw DomainError.invalid(faults);
  const told = mark === undefined ? undefined : readMark(mark);
  const end = to ?? Math.min(told?.to ?? now, now);
  const begin = Math.max(told?.at ?? from, from);
  return begin >= end ? undefined : { from: begin, to: end };
}
