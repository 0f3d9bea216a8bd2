/** The least and the most seconds after which a peer that is sent away is asked to come back. */
const SOONEST = 0.5;
const LATEST = 5;

/**
 * Seconds after which one peer is to come back: another number for each, so that those who were sent away together do
 * not come back together.
 *
 * @param random 0 … 1
 */
export function retryAfter(random: () => number = Math.random): number {
  return Math.round((SOONEST + (LATEST - SOONEST) * random()) * 1000) / 1000;
}
