import type { Line, Streets } from './streets.ts';

/** The two looks of a map. */
export const THEMES = ['light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** Pale, so that drivers stand out on it. */
const COLOURS: Readonly<Record<Theme, Readonly<Record<'land' | 'water' | 'park' | 'casing' | 'street', string>>>> = {
  light: { land: '#e9e7e1', water: '#b9ced8', park: '#cfe0c3', casing: '#d6d3ca', street: '#ffffff' },
  dark: { land: '#1a1d22', water: '#0c1f2a', park: '#1b3023', casing: '#121418', street: '#3b424c' },
};

/** Pixels by zoom: width of a street of so many metres, never thinner than can be seen. */
const WIDTHS = {
  street: [11, 0.5, 13, 1.1, 15, 3.5, 17, 11, 20, 80],
  avenue: [11, 1, 13, 2.2, 15, 6, 17, 17, 20, 120],
};
/** Pixels by which the casing is wider on each side, twice. */
const CASING = 1.2;

/**
 * A style for MapLibre GL that shows streets as they are simulated, for where no base map can be reached: it has all in
 * it, and loads nothing. It has no names.
 */
export function streetStyle(streets: Streets, theme: Theme): object {
  const { land, water, park, casing, street } = COLOURS[theme];
  const drawing = streets.draw();
  const lines = (id: string, kind: 'street' | 'avenue', colour: string, wider: number) => ({
    id,
    type: 'line',
    source: `${kind}s`,
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: {
      'line-color': colour,
      'line-width': ['interpolate', ['exponential', 1.6], ['zoom'], ...widths(kind, wider)],
    },
  });
  return {
    version: 8,
    name: `Simulated streets, ${theme}`,
    sources: {
      water: source(streets, drawing.water, 'Polygon'),
      parks: source(streets, drawing.parks, 'Polygon'),
      streets: source(streets, drawing.streets, 'LineString'),
      avenues: source(streets, drawing.avenues, 'LineString'),
    },
    layers: [
      { id: 'land', type: 'background', paint: { 'background-color': land } },
      { id: 'water', type: 'fill', source: 'water', paint: { 'fill-color': water } },
      { id: 'parks', type: 'fill', source: 'parks', paint: { 'fill-color': park } },
      lines('street-casings', 'street', casing, CASING),
      lines('avenue-casings', 'avenue', casing, CASING),
      lines('streets', 'street', street, 0),
      lines('avenues', 'avenue', street, 0),
    ],
  };
}

function widths(kind: 'street' | 'avenue', wider: number): number[] {
  return WIDTHS[kind].map((value, n) => (n % 2 === 0 ? value : value + wider));
}

function source({ plane }: Streets, lines: readonly Line[], type: 'Polygon' | 'LineString'): object {
  const features = lines.map((line) => {
    const coordinates = line.map(([x, y]) => {
      const { lat, lng } = plane.locate(x, y, 0);
      return [round(lng), round(lat)];
    });
    continued(coordinates);
    return {
      type: 'Feature',
      properties: {},
      geometry: { type, coordinates: type === 'Polygon' ? [coordinates] : coordinates },
    };
  });
  return { type: 'geojson', data: { type: 'FeatureCollection', features } };
}

/** Across the antimeridian longitudes count on, else a line would go around the globe. */
function continued(coordinates: number[][]): void {
  for (let n = 1; n < coordinates.length; n++) {
    const jump = coordinates[n][0] - coordinates[n - 1][0];
    if (Math.abs(jump) > 180) coordinates[n][0] = round(coordinates[n][0] - 360 * Math.sign(jump));
  }
}

/** To a centimetre. */
function round(degrees: number): number {
  return Math.round(degrees * 1e7) / 1e7;
}
