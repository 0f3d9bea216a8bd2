import type { FeatureCollection, Position } from 'geojson';

/** How far meridians are apart on the screen at least, pixels; parallels are so by 1/cos of their latitude. */
export const SPACING = 90;
/** How far lines may be apart, degrees, down to about a metre: each divides 180, so that they meet at the antimeridian. */
const STEPS = [
  1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60,
];
/** Web Mercator's end. */
const EDGE = 85.0511;

/** The least step that keeps lines `SPACING` apart on the screen, degrees. */
export function stepOf(degreesPerPixel: number): number {
  return STEPS.find((step) => step >= SPACING * degreesPerPixel) ?? 60;
}

/** The multiples of a step between two values, both included. */
export function multiples(step: number, from: number, to: number): number[] {
  const found: number[] = [];
  // By a division where a step is a fraction, as multiples of 0.1 are not what is written.
  const parts = Math.round(1 / step);
  const at = (n: number) => (step < 1 ? n / parts : n * step);
  for (let n = Math.ceil(from / step - 1e-9); n <= to / step + 1e-9; n++) found.push(at(n));
  return found;
}

/**
 * The lines of a grid: parallels and meridians through what a map shows, from end to end of the world, so that they are
 * few, straight, and there in each copy of it.
 */
export function gridLines(meridians: readonly number[], parallels: readonly number[]): FeatureCollection {
  const lines: Position[][] = [];
  for (const lng of new Set(meridians.map((each) => wrapped(each))))
    lines.push([
      [lng, -EDGE],
      [lng, EDGE],
    ]);
  for (const lat of parallels) {
    if (Math.abs(lat) > EDGE) continue;
    lines.push([
      [-180, lat],
      [180, lat],
    ]);
  }
  const geometry = { type: 'MultiLineString' as const, coordinates: lines };
  return { type: 'FeatureCollection', features: [{ type: 'Feature', geometry, properties: {} }] };
}

/** A line's name, with the digits that its step needs: `40.75° N`, `74° W`, `0°`. */
export function gridLabel(value: number, step: number, ends: readonly [below: string, above: string]): string {
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const text = `${Math.abs(value).toFixed(digits)}°`;
  if (value === 0 || (Math.abs(value) === 180 && ends[1] === 'E')) return text;
  return `${text} ${value < 0 ? ends[0] : ends[1]}`;
}

/** A longitude in (-180, 180]: a line on the antimeridian is there once. */
export function wrapped(lng: number): number {
  const turns = Math.ceil((lng - 180) / 360);
  // What needs no turn keeps its last bit; what does has no more digits than its step.
  return turns === 0 ? lng : Number((lng - 360 * turns).toFixed(9));
}
