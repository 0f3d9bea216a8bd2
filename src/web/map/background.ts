import type { ExpressionSpecification, StyleSpecification } from 'maplibre-gl';
import { BACKGROUND_COLOURS } from './background-colours.ts';
import type { Theme } from './theme.ts';

/** The source of land, borders and names: empty until `setData` brings them. */
export const OUTLINES = 'outlines';
/** The source of the grid's lines: the same. */
export const GRID = 'grid';
/** The fonts that texts on the background are drawn with: the machine's own, as the style names no glyphs. */
export const LOCAL_FONT = ['system-ui', 'sans-serif'];

/** Outlines at 1:50,000,000 are true to some kilometres: they fade from here … */
const FADE_FROM = 6;
/** … to here, so that no city's shore is drawn where it is not. */
const FADE_TO = 7.5;

const NOTHING = { type: 'FeatureCollection' as const, features: [] };

/** The bundled background: a style that asks nobody for anything. */
export function backgroundStyle(theme: Theme): StyleSpecification {
  const colours = BACKGROUND_COLOURS[theme];
  return {
    version: 8,
    sources: {
      [OUTLINES]: {
        type: 'geojson',
        data: NOTHING,
        maxzoom: Math.ceil(FADE_TO) - 1,
        attribution: '<a href="https://www.naturalearthdata.com/">Natural Earth</a>',
      },
      [GRID]: { type: 'geojson', data: NOTHING, tolerance: 0 },
    },
    layers: [
      {
        id: 'background',
        type: 'background',
        paint: { 'background-color': fade(colours.water, colours.ground) },
      },
      {
        id: 'land',
        type: 'fill',
        source: OUTLINES,
        maxzoom: FADE_TO,
        filter: isA('land'),
        paint: { 'fill-color': fade(colours.land, colours.ground), 'fill-opacity': fade(1, 0) },
      },
      {
        id: 'coasts',
        type: 'line',
        source: OUTLINES,
        maxzoom: FADE_TO,
        filter: isA('land'),
        paint: { 'line-color': colours.coast, 'line-width': 0.8, 'line-opacity': fade(1, 0) },
      },
      {
        id: 'borders',
        type: 'line',
        source: OUTLINES,
        maxzoom: FADE_TO,
        filter: isA('border'),
        layout: { 'line-join': 'round' },
        paint: { 'line-color': colours.border, 'line-width': 1, 'line-opacity': fade(1, 0) },
      },
      {
        id: 'grid',
        type: 'line',
        source: GRID,
        paint: { 'line-color': colours.grid, 'line-width': 1, 'line-opacity': fade(0.18, 0.28) },
      },
      {
        id: 'names',
        type: 'symbol',
        source: OUTLINES,
        maxzoom: FADE_TO,
        filter: ['all', isA('name'), ['>=', ['zoom'], ['get', 'from']]],
        layout: {
          'text-field': ['get', 'name'],
          'text-font': LOCAL_FONT,
          'text-size': ['interpolate', ['linear'], ['zoom'], 2, 11, 6, 15],
          'text-letter-spacing': 0.06,
          'text-max-width': 7,
          'text-padding': 6,
          // Where two would collide, the larger country has its name.
          'symbol-sort-key': ['-', ['get', 'size']],
        },
        paint: {
          'text-color': colours.name,
          'text-halo-color': colours.land,
          'text-halo-width': 1.2,
          'text-opacity': fade(1, 0),
        },
      },
    ],
  };
}

function isA(kind: 'land' | 'border' | 'name'): ExpressionSpecification {
  return ['==', ['get', 'kind'], kind];
}

function fade<T extends string | number>(from: T, to: T): ExpressionSpecification {
  return ['interpolate', ['linear'], ['zoom'], FADE_FROM, from, FADE_TO, to];
}
