import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from 'geojson';
import type { DataDrivenPropertyValueSpecification, GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import { type Step, shortCount, stepsTo } from './cells-ramp.ts';
import { BELOW_DRIVERS } from './order.ts';
import type { Theme } from './theme.ts';

/** The answer of `GET /v1/cells` as GeoJSON. */
export type CellCollection = FeatureCollection<Polygon | MultiPolygon, { count: number }>;

/** What the cells need of the base map. */
export interface CellsMap {
  readonly font: string[];
  onStyle(add: (map: MapLibre, theme: Theme) => void): () => void;
}

const SOURCE = 'cells';
const LABELS = 'cells-labels';
const LAYERS = ['cells-fill', 'cells-outline', 'cells-count'];
const NONE: FeatureCollection = { type: 'FeatureCollection', features: [] };

/** How many drivers are where, as H3 cells filled by their count, with the count where it fits. */
export class Cells {
  readonly #base: CellsMap;
  readonly #leave: () => void;
  #map: MapLibre | undefined;
  #theme: Theme = 'light';
  #cells: CellCollection | undefined;

  constructor(base: CellsMap) {
    this.#base = base;
    this.#leave = base.onStyle((map, theme) => this.#add(map, theme));
  }

  /** What the colours mean, fewest first; empty while no cells are shown. */
  get legend(): readonly Step[] {
    return this.#cells === undefined ? [] : stepsTo(mostOf(this.#cells), this.#theme);
  }

  /** Shows these cells, or none. */
  set(cells: CellCollection | undefined): void {
    this.#cells = cells;
    const map = this.#map;
    // A style being taken in: all is added once it is there.
    if (map?.getSource(SOURCE) === undefined) return;
    this.#fill(map);
  }

  /** Takes the layers off the map. */
  remove(): void {
    this.#leave();
    const map = this.#map;
    this.#map = undefined;
    if (map?.getSource(SOURCE) === undefined) return;
    for (const layer of LAYERS) map.removeLayer(layer);
    map.removeSource(SOURCE);
    map.removeSource(LABELS);
  }

  #add(map: MapLibre, theme: Theme): void {
    this.#map = map;
    this.#theme = theme;
    if (map.getSource(SOURCE) !== undefined) return;
    map.addSource(SOURCE, { type: 'geojson', data: NONE });
    map.addSource(LABELS, { type: 'geojson', data: NONE });
    const [fill, outline, count] = LAYERS;
    const paper = theme === 'light' ? '#ffffff' : '#0b1420';
    map.addLayer({ id: fill, type: 'fill', source: SOURCE, paint: { 'fill-opacity': 0.75 } }, BELOW_DRIVERS);
    map.addLayer(
      {
        id: outline,
        type: 'line',
        source: SOURCE,
        paint: { 'line-color': paper, 'line-width': 1, 'line-opacity': 0.7 },
      },
      BELOW_DRIVERS,
    );
    map.addLayer({
      id: count,
      type: 'symbol',
      source: LABELS,
      layout: {
        'text-field': ['get', 'label'],
        'text-font': this.#base.font,
        'text-size': 13,
        'text-padding': 4,
        'symbol-sort-key': ['-', 0, ['get', 'count']],
      },
      paint: { 'text-halo-width': 1 },
    });
    this.#fill(map);
  }

  #fill(map: MapLibre): void {
    const cells = this.#cells;
    (map.getSource(SOURCE) as GeoJSONSource).setData(cells ?? NONE);
    (map.getSource(LABELS) as GeoJSONSource).setData(cells === undefined ? NONE : labelsOf(cells));
    const { legend } = this;
    const [fill, , count] = LAYERS;
    map.setPaintProperty(fill, 'fill-color', byCount(legend, 'colour'));
    map.setPaintProperty(count, 'text-color', byCount(legend, 'ink'));
    map.setPaintProperty(count, 'text-halo-color', byCount(legend, 'colour'));
  }
}

/** A colour of a cell by its count. */
function byCount(steps: readonly Step[], which: 'colour' | 'ink'): DataDrivenPropertyValueSpecification<string> {
  if (steps.length < 2) return steps[0]?.[which] ?? 'transparent';
  const [first, ...more] = steps;
  return ['step', ['get', 'count'], first[which], ...more.flatMap((step) => [step.from, step[which]])] as never;
}

function mostOf(cells: CellCollection): number {
  let most = 0;
  for (const { properties } of cells.features) most = Math.max(most, properties.count);
  return most;
}

function labelsOf(cells: CellCollection): FeatureCollection {
  return { type: 'FeatureCollection', features: cells.features.map(labelOf) };
}

function labelOf({ geometry, properties }: CellCollection['features'][number]): Feature {
  return {
    type: 'Feature',
    geometry: { type: 'Point', coordinates: middleOf(geometry) },
    properties: { count: properties.count, label: shortCount(properties.count) },
  };
}

/** The mean of a cell's corners; of one cut at the antimeridian, those of its larger part. */
function middleOf(geometry: Polygon | MultiPolygon): Position {
  const rings = geometry.type === 'Polygon' ? [geometry.coordinates[0]] : geometry.coordinates.map(([ring]) => ring);
  const ring = rings.reduce((largest, other) => (widthOf(other) > widthOf(largest) ? other : largest));
  // The last corner is the first once more.
  const corners = ring.slice(1);
  const sum = corners.reduce(([x, y], [lng, lat]) => [x + lng, y + lat], [0, 0]);
  return sum.map((value) => value / corners.length);
}

function widthOf(ring: readonly Position[]): number {
  const lngs = ring.map(([lng]) => lng);
  return Math.max(...lngs) - Math.min(...lngs);
}
