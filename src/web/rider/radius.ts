import { readSettings } from '../session/settings.ts';

/** A circle that is larger is of no use to whoever looks for a ride, metres. */
const LARGEST = 20_000;

/** The radii to choose from, metres: those that the server answers. */
export const radii: readonly number[] = radiiUpTo(readSettings().maxRadiusMeters);

/** The one to begin with, metres. */
export const firstRadius: number = firstOf(radii);

/** The radii to choose from where a server answers none that is larger; the largest is its own. Metres. */
export function radiiUpTo(maxRadius: number): readonly number[] {
  const largest = Math.min(maxRadius, LARGEST);
  return [...[500, 1000, 2000, 5000, 10_000].filter((radius) => radius < largest), largest];
}

/** The one of these to begin with: 2 km, or the largest below. Metres. */
export function firstOf(choice: readonly number[]): number {
  return Math.max(...choice.filter((radius) => radius <= 2000));
}

/** A radius, metres, for people: `500 m`, `1.5 km`. */
export function radiusName(radius: number): string {
  const metres = Math.round(radius);
  return metres < 1000 ? `${metres} m` : `${metres / 1000} km`;
}
