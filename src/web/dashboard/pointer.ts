import type { ReadonlySignal } from '@preact/signals';
import type { MultiPolygon, Polygon } from 'geojson';
import type { Map as MapLibre, MapMouseEvent } from 'maplibre-gl';
import type { Markers } from '../map/markers.ts';
import type { Counts } from './density.ts';

/** CSS pixels around a click in which a driver is meant. */
export const REACH = 18;

/** What takes the clicks on the map, while it is there. */
export type ClickTaker = (event: MapMouseEvent) => void;

/** What a pointer finds on the map. */
export interface PointerTargets {
  readonly map: MapLibre;
  readonly markers: Markers;
  /** Whether cells are shown instead of drivers, and which. */
  readonly counting: ReadonlySignal<boolean>;
  readonly counts: ReadonlySignal<Counts | undefined>;
  /** A driver was clicked, or nobody. */
  select(driverId: string | undefined): void;
}

/** What clicks on the map do: a tool that is open takes them, else a driver is selected, or a cell come closer to. */
export class Pointer {
  readonly #targets: PointerTargets;
  readonly #takers: ClickTaker[] = [];

  constructor(targets: PointerTargets) {
    this.#targets = targets;
    const { map, markers } = targets;
    map.on('click', (event) => {
      const taker = this.#takers.at(-1);
      if (taker !== undefined) taker(event);
      else if (targets.counting.peek()) this.#enterCell(event.point);
      else targets.select(markers.at(event.point, REACH));
    });
    map.on('mousemove', ({ point }) => {
      const isTaken = this.#takers.length > 0;
      const isOver = !isTaken && (markers.at(point, REACH) !== undefined || this.#cellAt(point) !== undefined);
      map.getCanvas().style.cursor = isTaken ? 'crosshair' : isOver ? 'pointer' : '';
    });
  }

  /** Has this take the clicks on the map, until the function that it returns is called. */
  take(taker: ClickTaker): () => void {
    this.#takers.push(taker);
    return () => {
      const at = this.#takers.indexOf(taker);
      if (at >= 0) this.#takers.splice(at, 1);
    };
  }

  /** The cell that is drawn at a point, while counts are shown. */
  #cellAt(point: MapMouseEvent['point']): string | undefined {
    const { map, counting } = this.#targets;
    if (!counting.peek() || map.getLayer('cells-fill') === undefined) return undefined;
    return map.queryRenderedFeatures(point, { layers: ['cells-fill'] })[0]?.properties.cell;
  }

  /** Comes closer, until a cell fills the map. */
  #enterCell(point: MapMouseEvent['point']): void {
    const { map, counts } = this.#targets;
    const cell = this.#cellAt(point);
    const features = counts.peek()?.cells.features ?? [];
    const found = features.find(({ properties }) => properties.cell === cell);
    if (cell === undefined || found === undefined) return;
    const { geometry } = found as { geometry: Polygon | MultiPolygon };
    // Of one cut at the antimeridian the first part will do.
    const [ring] = geometry.type === 'Polygon' ? geometry.coordinates : geometry.coordinates[0];
    const [lngs, lats] = [ring.map(([lng]) => lng), ring.map(([, lat]) => lat)];
    const south = Math.max(-85, Math.min(...lats));
    const north = Math.min(85, Math.max(...lats));
    map.fitBounds([Math.min(...lngs), south, Math.max(...lngs), north], { maxZoom: 16 });
  }
}
