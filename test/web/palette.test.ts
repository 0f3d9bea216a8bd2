import { expect, test } from 'vitest';
import { PALETTE } from '../../src/web/map/palette.ts';

/** How others see linear red, green and blue (Machado, Oliveira and Fernandes 2009, complete deficiency). */
const SIGHTS: Readonly<Record<string, readonly number[]>> = {
  all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  'no red': [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  'no green': [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  'no blue': [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};
/** Of who is silent. */
const GREYS = ['#87909b', '#7d8793'];

test.each(Object.entries(SIGHTS))('any two colours stay apart for who sees %s', (_, sight) => {
  const seen = PALETTE.map((hex) => oklab(hex, sight));
  const greys = GREYS.map((hex) => oklab(hex, sight));
  for (const [i, colour] of seen.entries()) {
    for (const other of [...seen.slice(0, i), ...greys]) {
      expect(Math.hypot(...colour.map((value, axis) => value - other[axis]))).toBeGreaterThan(0.08);
    }
  }
});

/** Lightness and two hues, in which distances are about as people see them (Ottosson 2020). */
function oklab(hex: string, sight: readonly number[]): number[] {
  const linear = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const [r, g, b] = [0, 3, 6].map((row) =>
    Math.min(
      1,
      Math.max(
        0,
        linear.reduce((sum, value, i) => sum + value * sight[row + i], 0),
      ),
    ),
  );
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}
