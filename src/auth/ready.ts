import { setImmediate } from 'node:timers/promises';
import type { Sight } from '../sight.ts';
import type { Principal } from './principal.ts';
import type { Authenticate } from './tokens.ts';

/** What gets ready to be asked by a sight, in steps. */
export interface Preparing {
  prepare(sight: Sight): Iterable<void> | undefined;
}

/**
 * Lets in those who may see a part alone once that part is there: to show a large fleet by its cells for the first time takes
 * seconds, for which nobody else is to wait. Those who come meanwhile wait with them; all others are let in at once.
 */
export function onceReady(authenticate: Authenticate, tracker: Preparing): Authenticate {
  /** By what is gone through, so that many who wait do not make the steps of one turn many. */
  const underway = new Map<string, Promise<void>>();

  const goThrough = async (name: string, steps: Iterable<void>): Promise<void> => {
    try {
      for (const _ of steps) await setImmediate();
    } finally {
      underway.delete(name);
    }
  };
  const ready = (principal: Principal, token: string): Principal | Promise<Principal> => {
    const { fleet, precision } = principal.sight;
    if (precision === undefined) return principal;
    const steps = tracker.prepare(principal.sight);
    if (steps === undefined) return principal;
    const name = `${fleet} ${precision}`;
    let done = underway.get(name);
    if (done === undefined) {
      done = goThrough(name, steps);
      underway.set(name, done);
    }
    // Meanwhile its token may have ended, or been revoked.
    return done.then(() => authenticate(token));
  };

  return (token) => {
    const judged = authenticate(token);
    return judged instanceof Promise ? judged.then((principal) => ready(principal, token)) : ready(judged, token);
  };
}
