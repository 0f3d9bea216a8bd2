import type { Theme } from './theme.ts';

/** What the bundled background is painted with. */
export interface BackgroundColours {
  readonly water: string;
  readonly land: string;
  readonly coast: string;
  readonly border: string;
  /** Neither land nor water: what is there where the outlines would be too coarse to be true. */
  readonly ground: string;
  readonly grid: string;
  readonly name: string;
}

/** Calm enough that drivers in any colour of the palette stand out. */
export const BACKGROUND_COLOURS: Readonly<Record<Theme, BackgroundColours>> = {
  light: {
    water: '#d6e4ec',
    land: '#f8f6f1',
    coast: '#a9c3d1',
    border: '#cfcabd',
    ground: '#f1f3f3',
    grid: '#5d7c8c',
    name: '#6d6a61',
  },
  dark: {
    water: '#10171d',
    land: '#20272d',
    coast: '#35464f',
    border: '#3d474f',
    ground: '#191f24',
    grid: '#8fb0c2',
    name: '#8b98a1',
  },
};
