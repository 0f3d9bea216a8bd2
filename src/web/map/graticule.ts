import type { GeoJSONSource, Map as MapLibreMap } from 'maplibre-gl';
import { GRID } from './background.ts';
import { gridLabel, gridLines, multiples, stepOf, wrapped } from './grid.ts';

/** Lines are made for the view and this much of it on each side, so that most moves need no new ones. */
const MARGIN = 1;
/** Labels keep away from the map's corners, pixels. */
const CORNER = 44;

/** A view of a map, degrees. */
interface View {
  west: number;
  south: number;
  east: number;
  north: number;
}

/**
 * The grid of the bundled background: lines that the map draws, with their coordinates in texts along the upper and the
 * left edge (inside the map's padding). A move costs some moved texts; new lines are handed to the map only where the
 * view leaves those that are there, or asks for another step.
 */
export class Graticule {
  readonly #map: MapLibreMap;
  readonly #labels: HTMLElement;
  #view: View | undefined;
  #step = 0;
  #isOn = false;

  constructor(map: MapLibreMap) {
    this.#map = map;
    this.#labels = document.createElement('div');
    this.#labels.className = 'map-grid-labels';
    // Not for reading aloud: a number at each edge, changing with each move.
    this.#labels.setAttribute('aria-hidden', 'true');
    map.getCanvasContainer().after(this.#labels);
    map.on('move', this.#update);
    map.on('resize', this.#update);
  }

  /** Draws on the background that is now in place. */
  show(): void {
    this.#isOn = true;
    this.#view = undefined;
    this.#update();
  }

  /** Another style is in place, or none: there is no grid. */
  hide(): void {
    this.#isOn = false;
    this.#labels.replaceChildren();
  }

  /** Takes it out of the page. */
  remove(): void {
    this.#isOn = false;
    this.#labels.remove();
  }

  readonly #update = (): void => {
    if (!this.#isOn) return;
    const bounds = this.#map.getBounds();
    const view = {
      west: bounds.getWest(),
      south: bounds.getSouth(),
      east: bounds.getEast(),
      north: bounds.getNorth(),
    };
    const step = stepOf((view.east - view.west) / Math.max(1, this.#map.getCanvas().clientWidth));
    if (step !== this.#step || !covers(this.#view, view)) {
      this.#step = step;
      this.#draw(view);
    }
    this.#label(view);
  };

  #draw(view: View): void {
    const width = (view.east - view.west) * MARGIN;
    const height = (view.north - view.south) * MARGIN;
    const wide = {
      west: view.west - width,
      south: view.south - height,
      east: view.east + width,
      north: view.north + height,
    };
    const source = this.#map.getSource<GeoJSONSource>(GRID);
    if (source === undefined) return;
    this.#view = wide;
    source.setData(
      gridLines(
        multiples(this.#step, wide.west, wide.east),
        multiples(this.#step, Math.max(wide.south, -90), Math.min(wide.north, 90)),
      ),
    );
  }

  #label(view: View): void {
    const { top = 0, left = 0 } = this.#map.getPadding();
    const { clientWidth, clientHeight } = this.#map.getCanvas();
    const step = this.#step;
    let used = 0;
    for (const lng of multiples(step, view.west, view.east)) {
      const { x } = this.#map.project([lng, view.south]);
      if (x < left + CORNER || x > clientWidth - CORNER) continue;
      this.#put(used++, 'meridian', gridLabel(wrapped(lng), step, ['W', 'E']), x, top);
    }
    for (const lat of multiples(step, view.south, view.north)) {
      const { y } = this.#map.project([view.west, lat]);
      if (y < top + CORNER || y > clientHeight - CORNER) continue;
      this.#put(used++, 'parallel', gridLabel(lat, step, ['S', 'N']), left, y);
    }
    while (this.#labels.childElementCount > used) this.#labels.lastElementChild?.remove();
  }

  /** The n-th text, made or used again. */
  #put(n: number, of: 'meridian' | 'parallel', text: string, x: number, y: number): void {
    let label = this.#labels.children[n] as HTMLElement | undefined;
    if (label === undefined) {
      label = document.createElement('span');
      this.#labels.append(label);
    }
    if (label.className !== of) label.className = of;
    if (label.textContent !== text) label.textContent = text;
    label.style.translate = `${Math.round(x)}px ${Math.round(y)}px`;
  }
}

function covers(outer: View | undefined, inner: View): boolean {
  return (
    outer !== undefined &&
    outer.west <= inner.west &&
    outer.east >= inner.east &&
    outer.south <= inner.south &&
    outer.north >= inner.north
  );
}
