import { expect, test } from 'vitest';
import { shortCount, stepsTo } from '../../src/web/map/cells-ramp.ts';

test('counts are written short', () => {
  const written = [1, 999, 1000, 1234, 9949, 9950, 35_400, 999_499, 999_500, 1_240_000].map(shortCount);
  expect(written).toEqual(['1', '999', '1k', '1.2k', '9.9k', '10k', '35k', '999k', '1M', '1.2M']);
});

test.each(['light', 'dark'] as const)('the more drivers, the further from the %s map', (theme) => {
  for (const most of [1, 2, 3, 5, 9, 40, 1000, 123_456]) {
    const steps = stepsTo(most, theme);
    const froms = steps.map(({ from }) => from);
    expect(froms[0]).toBe(1);
    expect(froms).toEqual([...new Set(froms)].sort((a, b) => a - b));
    expect(Math.max(...froms)).toBeLessThanOrEqual(most);
    const light = steps.map(({ colour }) => lightness(colour));
    expect(light).toEqual([...light].sort((a, b) => (theme === 'light' ? b - a : a - b)));
    for (const { colour, ink } of steps) {
      const [dark, bright] = [lightness(colour), lightness(ink)].sort((a, b) => a - b);
      expect((bright + 0.05) / (dark + 0.05), `${ink} on ${colour}`).toBeGreaterThan(4.5);
    }
    if (most >= 1000) expect(steps).toHaveLength(6);
  }
});

/** Relative luminance, as WCAG defines it. */
function lightness(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
