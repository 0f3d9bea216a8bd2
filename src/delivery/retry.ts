/** The least and the most seconds after which a peer is asked to come back. */
interface Times {
  readonly soonest: number;
  readonly latest: number;
}

/** The server goes: another takes its place soon. */
const AWAY: Times = { soonest: 0.5, latest: 5 };
/** There is too much to do: it takes two seconds at least until that counts as over, and all who come then come at once. */
export const OVERLOADED: Times = { soonest: 2, latest: 10 };

/**
 * Seconds after which one peer is to come back: another number for each, so that those who were sent away together do
 * not come back together.
 *
 * @param random 0 … 1
 */
export function retryAfter({ soonest, latest } = AWAY, random: () => number = Math.random): number {
  return Math.round((soonest + (latest - soonest) * random()) * 1000) / 1000;
}
