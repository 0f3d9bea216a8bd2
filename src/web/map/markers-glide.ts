/** Milliseconds that a glide takes at least and at most. */
const SHORTEST_GLIDE = 100;
export const LONGEST_GLIDE = 3000;
/** How much longer a glide is than the time between the last two fixes, so that it seldom ends before the next comes. */
const SLACK = 1.1;
/** Milliseconds in which a marker turns: corners are turned, not drifted round. */
export const LONGEST_TURN = 400;

/** How long to glide to a position that came so many milliseconds after the one before; 0 is at once: time went back. */
export function glideAfter(gap: number): number {
  if (gap < 0) return 0;
  return Math.round(Math.max(SHORTEST_GLIDE, Math.min(LONGEST_GLIDE, gap * SLACK)));
}

/**
 * The share of a glide that is still ahead, 1 … 0. The vertex shader has the same formula.
 *
 * @param age milliseconds since it began; a little less than 0 when the clock was set back a little, a lot when it was
 *   wound back: then the glide is of a time that nobody looks at any more, and is over
 */
export function ahead(age: number, duration: number): number {
  if (age >= duration || age < -duration) return 0;
  return age <= 0 ? 1 : 1 - age / duration;
}

/** From one heading to another by the shorter way: degrees clockwise, −180 … 180. */
export function turnBetween(from: number, to: number): number {
  const turn = (to - from) % 360;
  if (turn > 180) return turn - 360;
  return turn < -180 ? turn + 360 : turn;
}
