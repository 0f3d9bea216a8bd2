import type { Theme } from './theme.ts';

/** Red, green, blue, 0 … 1. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What markers look like besides their own colours. */
export interface MarkersTheme {
  /** Between a marker and the map, whatever that shows there. */
  readonly edge: Rgb;
  /** Who is silent, and ghosts. */
  readonly grey: Rgb;
  /** How dark the shadow is, 0 … 1. */
  readonly shadow: number;
  /** Around the selected one. */
  readonly halo: Rgb;
}

export const MARKERS_THEMES: Readonly<Record<Theme, MarkersTheme>> = {
  light: { edge: rgb('#ffffff'), grey: rgb('#87909b'), shadow: 0.42, halo: rgb('#1d4ed8') },
  dark: { edge: rgb('#e8edf3'), grey: rgb('#7d8793'), shadow: 0.6, halo: rgb('#f8fafc') },
};

/** A colour written `#rrggbb`. */
export function rgb(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

/** CSS pixels from side to side of a marker: more from near by, less when thousands are shown. */
export function markerSize(zoom: number, drivers: number): number {
  const size = zoom < 10 ? 14 - Math.min(5, 10 - zoom) : 14 + (10 * Math.min(6, zoom - 10)) / 6;
  return size * Math.max(0.5, Math.min(1, Math.sqrt(1500 / Math.max(1, drivers))));
}
