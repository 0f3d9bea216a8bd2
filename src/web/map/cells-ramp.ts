import type { Theme } from './theme.ts';

/** A step of the ramp: cells with at least so many drivers. */
export interface Step {
  readonly from: number;
  readonly colour: string;
  /** What is written on it in. */
  readonly ink: string;
}

const INKS = ['#0b2347', '#ffffff'] as const;
/** The first colour of either ramp that takes the other ink than those before it. */
const TURN = { light: 3, dark: 4 } as const;

/**
 * From few to many, in one hue, so that it is the lightness that tells: the nearer to the map's own, the fewer. All see
 * that alike, and it reads in print.
 */
const RAMPS: Readonly<Record<Theme, readonly string[]>> = {
  light: ['#d3e3f8', '#a6c8f1', '#72a6e6', '#3573c4', '#1b5cb5', '#0b3a7e'],
  dark: ['#16304f', '#1c4677', '#2562a5', '#3374bf', '#74aef0', '#c2dcfb'],
};

/** What the colours mean, fewest first: steps of about equal ratio up to the most drivers in a cell, none twice. */
export function stepsTo(most: number, theme: Theme): Step[] {
  const colours = RAMPS[theme];
  const froms = [1];
  for (let i = 1; i < colours.length; i++) {
    const from = round(Math.max(1, most) ** (i / colours.length));
    if (from > (froms.at(-1) as number) && from <= most) froms.push(from);
  }
  // Few steps take what is at both ends of the ramp.
  const last = Math.max(1, froms.length - 1);
  const inks = theme === 'light' ? INKS : INKS.toReversed();
  return froms.map((from, i) => {
    const at = Math.round((i / last) * (colours.length - 1));
    return { from, colour: colours[at], ink: inks[at < TURN[theme] ? 0 : 1] };
  });
}

/** A count as it is written on a cell: `7`, `950`, `1.2k`, `35k`, `1.2M`. */
export function shortCount(count: number): string {
  if (count < 1000) return `${Math.round(count)}`;
  const [value, unit] = count < 999_500 ? [count / 1e3, 'k'] : [count / 1e6, 'M'];
  return `${value < 9.95 ? Number(value.toFixed(1)) : Math.round(value)}${unit}`;
}

/** To a number that reads well: 1, 2, 3, 5, 7 or so times a power of ten. */
function round(value: number): number {
  if (value < 10) return Math.round(value);
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = value / power;
  return (
    (digit < 1.25 ? 1 : digit < 1.75 ? 1.5 : digit < 2.5 ? 2 : digit < 4 ? 3 : digit < 6 ? 5 : digit < 8.5 ? 7 : 10) *
    power
  );
}
