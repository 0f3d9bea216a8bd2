import { lengthOf, type Position } from '../fix.ts';
import type { Sight } from '../sight.ts';
import { roughBounds, seen } from './seen.ts';
import { END_OF_TIME, type TrackSource } from './track-source.ts';

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
 * The first `limit` fixes of a driver that are dated from … to, as they are shown to somebody, or fewer where they say so
 * much of themselves that an answer with all of them would be long in the making; but at least one, if there is one. Of
 * those that are not shown nothing is told, nor that there are any.
 *
 * @throws {DomainError} `unavailable` when the store does not answer
 */
export async function readPage(
  tracks: TrackSource,
  sight: Sight,
  driverId: string,
  from: number,
  to: number,
  limit: number,
): Promise<TrackPage> {
  const fixes: Position[] = [];
  const within = roughBounds(sight);
  let text = 0;
  let next = from;
  // After the last moment that a database can name there is none to ask for.
  while (next <= to) {
    // One more than wanted tells whether there are more. Of what is not all shown one cannot know how many are wanted.
    const asked = within === undefined ? Math.min(CHUNK, limit - fixes.length) + 1 : CHUNK;
    const found = await tracks.track({ fleet: sight.fleet, driverId, from: next, to, within }, asked);
    for (const fix of found) {
      const shown = seen(fix, sight);
      if (shown === undefined) continue;
      if (fixes.length === limit || text >= MAX_TEXT) return { fixes, truncated: true };
      fixes.push(shown);
      text += lengthOf(shown.attributes);
    }
    if (found.length < asked) break;
    next = found[found.length - 1].timestamp + 1;
  }
  return { fixes, truncated: false };
}

/**
 * Whether any fix of a driver is kept that is shown to somebody.
 *
 * @throws {DomainError} as for {@link readPage}
 */
export async function isKnown(tracks: TrackSource, sight: Sight, driverId: string): Promise<boolean> {
  if (sight.driverId !== undefined && sight.driverId !== driverId) return false;
  if (sight.bounds === undefined) return tracks.knows(sight.fleet, driverId);
  const { fixes } = await readPage(tracks, sight, driverId, 0, END_OF_TIME, 1);
  return fixes.length > 0;
}
