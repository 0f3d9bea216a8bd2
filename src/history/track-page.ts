import { lengthOf, type Position } from '../fix.ts';
import type { TrackSource } from './track-source.ts';

/** Fixes read at a time: as many as take a few milliseconds, however long the page. */
const CHUNK = 1_000;
/** Characters of attributes in a page, about: no more is read once it has as many. They can be 5,000 of each fix. */
const MAX_TEXT = 1_000_000;

/** A part of a driver's track, oldest first. */
export interface TrackPage {
  readonly fixes: readonly Position[];
  /** There are more. */
  readonly truncated: boolean;
}

/**
 * The first `limit` fixes of a driver that are dated from … to, or fewer where they say so much of themselves that an answer
 * with all of them would be long in the making; but at least one, if there is one.
 *
 * @throws {DomainError} `unavailable` when the store does not answer
 */
export async function readPage(
  tracks: TrackSource,
  fleet: string,
  driverId: string,
  from: number,
  to: number,
  limit: number,
): Promise<TrackPage> {
  const fixes: Position[] = [];
  // After the last moment that a database can name there is none to ask for.
  if (from > to) return { fixes, truncated: false };
  let text = 0;
  for (let next = from; ; next = fixes[fixes.length - 1].timestamp + 1) {
    const wanted = Math.min(CHUNK, limit - fixes.length);
    // One more than wanted tells whether there are more.
    const found = await tracks.track(fleet, driverId, next, to, wanted + 1);
    for (const fix of found.slice(0, wanted)) {
      fixes.push(fix);
      text += lengthOf(fix.attributes);
    }
    if (found.length <= wanted) return { fixes, truncated: false };
    if (fixes.length === limit || text >= MAX_TEXT) return { fixes, truncated: true };
  }
}
