import { type Signal, signal } from '@preact/signals';
import type { Map as MapLibre } from 'maplibre-gl';
import { boundsOfArea } from './area-shape.ts';
import { REACH } from './pointer.ts';
import type { DrawnArea } from './subject.ts';
import type { View } from './view.ts';

/** Below this width (CSS pixels) the panels are over the map's lower end instead of beside it: as in dashboard.css. */
const NARROW = 720;
/** How close to come to a driver at the least, and to one that is followed. */
const DRIVER_ZOOM = 14;
const FOLLOW_ZOOM = 15;

interface Place {
  readonly lat: number;
  readonly lng: number;
}

/** Where the map looks: past the panels, at what was asked for. */
export class Camera {
  /** CSS pixels at the lower edge of the map that a sheet covers, as on a phone. */
  readonly covered: Signal<number> = signal(0);
  readonly #map: MapLibre;

  constructor(map: MapLibre) {
    this.#map = map;
  }

  /** Looks there at once. */
  jump({ lat, lng, zoom }: View): void {
    this.#map.jumpTo({ center: [lng, lat], zoom });
  }

  /** Comes to a driver, at least so close that it is told from others. */
  comeTo({ lat, lng }: Place): void {
    const zoom = Math.max(this.#map.getZoom(), DRIVER_ZOOM);
    this.#map.easeTo({ center: [lng, lat], zoom, offset: this.#middle });
  }

  /** Comes close enough to go along with a driver. @param least the zoom that is close enough */
  comeAlong(least: number): void {
    if (this.#map.getZoom() < least) this.#map.zoomTo(FOLLOW_ZOOM);
    this.#map.triggerRepaint();
  }

  /** Keeps this in the middle, as a driver that is followed glides; not while the reader zooms. */
  hold({ lat, lng }: Place): void {
    if (this.#map.isZooming()) return;
    this.#map.easeTo({ center: [lng, lat], offset: this.#middle, animate: false });
  }

  /** Moves the map so far that no sheet covers this. */
  uncover({ lat, lng }: Place): void {
    if (this.covered.peek() === 0 || this.#map.isMoving()) return;
    const { y } = this.#map.project([lng, lat]);
    const lowest = this.#map.getCanvas().clientHeight - this.covered.peek() - REACH;
    if (y > lowest) this.#map.easeTo({ center: [lng, lat], offset: this.#middle });
  }

  /** Shows all of a box at once, beside the panels. @param bounds west, south, east, north, degrees; east may be beyond 180 */
  showBox(bounds: [number, number, number, number]): void {
    this.#map.fitBounds(bounds, { maxZoom: FOLLOW_ZOOM, padding: besidePanels(), animate: false });
  }

  /** Shows all of an area beside the panels. */
  showArea(area: DrawnArea, animate: boolean): void {
    this.#map.fitBounds(boundsOfArea(area), { maxZoom: 17, padding: besidePanels(), animate });
  }

  /** Whether all of an area is on the map, be it under a panel. */
  sees(area: DrawnArea): boolean {
    const [west, south, east, north] = boundsOfArea(area);
    // In the turn of the world in which the map is.
    const turn = 360 * Math.round((this.#map.getCenter().lng - (west + east) / 2) / 360);
    const { clientWidth, clientHeight } = this.#map.getCanvas();
    return [this.#map.project([west + turn, south]), this.#map.project([east + turn, north])].every(
      ({ x, y }) => x >= 0 && y >= 0 && x <= clientWidth && y <= clientHeight,
    );
  }

  /** Metres from what is held in the middle to the farthest corner of the map: a circle of that radius holds all of it. */
  get reach(): number {
    const { clientWidth, clientHeight } = this.#map.getCanvas();
    const [x, y] = this.#middle;
    const middle = this.#map.unproject([clientWidth / 2 + x, clientHeight / 2 + y]);
    const bounds = this.#map.getBounds();
    const corners = [bounds.getNorthWest(), bounds.getNorthEast(), bounds.getSouthWest(), bounds.getSouthEast()];
    return Math.max(...corners.map((corner) => middle.distanceTo(corner)));
  }

  /** From the middle of the map to that of what no sheet covers, CSS pixels. */
  get #middle(): [x: number, y: number] {
    return [0, -this.covered.peek() / 2];
  }
}

/** How much of the map the panels take at its edges, and some more, CSS pixels. */
function besidePanels() {
  return innerWidth <= NARROW
    ? { top: 40, bottom: 90, left: 30, right: 74 }
    : { top: 40, bottom: 40, left: 360, right: 90 };
}
