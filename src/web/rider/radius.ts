import { readSettings } from '../session/settings.ts';

const { maxRadiusMeters } = readSettings();
const within = [500, 1000, 2000, 5000, 10_000, 20_000].filter((radius) => radius <= maxRadiusMeters);

/** The radii to choose from, metres: those that the server answers. */
export const radii: readonly number[] = within.length > 0 ? within : [maxRadiusMeters];

/** The one to begin with, metres. */
export const firstRadius = Math.min(2000, maxRadiusMeters);

/** A radius for people: `500 m`, `2 km`. */
export function radiusName(radius: number): string {
  return radius < 1000 ? `${radius} m` : `${radius / 1000} km`;
}
