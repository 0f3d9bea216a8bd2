/** A source of numbers in [0, 1), always the same for the same seed. */
export type Random = () => number;

/**
 * A small seeded generator with 2³² states, for simulations and not for secrets.
 *
 * Source: Tommy Ettinger's Mulberry32, public domain.
 *
 * @param seed any whole number; only its low 32 bits count
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed of its own for the n-th member, so that members do not depend on how many there are. */
export function memberSeed(seed: number, n: number): number {
  return Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35);
}

/** From a lowest number to a highest. */
export type Range = readonly [low: number, high: number];

/** A number within a range. */
export function within(random: Random, [low, high]: Range): number {
  return low + random() * (high - low);
}

/** One of the options, each as likely. */
export function pick<T>(random: Random, options: readonly T[]): T {
  return options[Math.floor(random() * options.length)];
}
