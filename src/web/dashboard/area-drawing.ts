import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type { MapMouseEvent } from 'maplibre-gl';
import { Overlay } from '../map/overlay.ts';
import { formatDistance } from '../ui/format.ts';
import type { Corner } from './area-link.ts';
import { featuresOf, previewOf } from './area-shape.ts';
import type { Dashboard } from './dashboard.ts';
import { back, begun, circleOf, type Drawing, finished, nearTo, placed, type Shape, type Step } from './drawing.ts';
import { pickPlaces } from './place-picker.ts';

/** CSS pixels around a polygon's first corner that close it. */
const CLOSING = 14;
/** CSS pixels in which a second click is the same place, as of a double click. */
const SAME = 5;

/** Draws an area on the map, and shows the one that is watched. */
export class AreaDrawing {
  /** What is being drawn. */
  readonly drawing: ReadonlySignal<Drawing | undefined>;
  /** What the reader should know of the last thing tried. */
  readonly fault = signal<string | undefined>(undefined);
  readonly #drawing = signal<Drawing | undefined>(undefined);
  readonly #pointer = signal<Corner | undefined>(undefined);
  readonly #dashboard: Dashboard;
  #end: (() => void) | undefined;

  constructor(dashboard: Dashboard) {
    this.#dashboard = dashboard;
    this.drawing = this.#drawing;
    const overlay = new Overlay(dashboard.base, 'area', (theme) => {
      const colour = theme === 'dark' ? '#c3a6ff' : '#6d28d9';
      const paper = theme === 'dark' ? '#0c1015' : '#ffffff';
      return [
        {
          id: 'area-fill',
          type: 'fill',
          filter: ['==', ['geometry-type'], 'Polygon'],
          paint: { 'fill-color': colour, 'fill-opacity': theme === 'dark' ? 0.14 : 0.1 },
        },
        {
          id: 'area-line',
          type: 'line',
          filter: ['==', ['geometry-type'], 'LineString'],
          layout: { 'line-join': 'round', 'line-cap': 'round' },
          paint: { 'line-color': colour, 'line-width': 2.5 },
        },
        {
          id: 'area-corner',
          type: 'circle',
          filter: ['has', 'first'],
          paint: {
            'circle-radius': ['case', ['get', 'first'], 6, 4],
            'circle-color': paper,
            'circle-stroke-color': colour,
            'circle-stroke-width': 2.5,
          },
        },
        {
          id: 'area-label',
          type: 'symbol',
          filter: ['has', 'label'],
          layout: {
            'text-field': ['get', 'label'],
            'text-size': 14,
            'text-allow-overlap': true,
            'text-ignore-placement': true,
            'text-offset': [0, -0.9],
          },
          paint: { 'text-color': colour, 'text-halo-color': paper, 'text-halo-width': 2 },
        },
      ];
    });
    effect(() => {
      const drawing = this.#drawing.value;
      const subject = dashboard.subject.value;
      if (drawing !== undefined) overlay.set(previewOf(drawing, this.#pointer.value, this.#label));
      else overlay.set(subject.kind === 'area' ? featuresOf(subject.area) : undefined);
    });
    effect(() => {
      if (dashboard.tool.value !== 'area') this.cancel();
    });
  }

  /** Begins to draw. What is watched goes on until there is something else. @param byKeys whoever asks has no pointer */
  begin(shape: Shape, byKeys: boolean): void {
    this.cancel();
    const { map } = this.#dashboard.base;
    this.fault.value = undefined;
    this.#drawing.value = begun(shape);
    const endPicking = pickPlaces(this.#dashboard, {
      place: (place) => this.#place(place),
      pointer: (place) => {
        this.#pointer.value = place;
      },
    });
    const finish = (event: MapMouseEvent) => {
      // The map would come closer.
      event.preventDefault();
      this.finish();
    };
    map.on('dblclick', finish);
    map.doubleClickZoom.disable();
    // Before the page's own keys, for which Escape closes the tool.
    addEventListener('keydown', this.#onKey, { capture: true });
    this.#end = () => {
      endPicking();
      map.off('dblclick', finish);
      map.doubleClickZoom.enable();
      removeEventListener('keydown', this.#onKey, { capture: true });
    };
    map.getCanvas().focus({ preventScroll: true });
    this.#dashboard.aiming.value = byKeys;
    if (byKeys) this.#pointer.value = map.getCenter();
  }

  /** Draws nothing any more. */
  cancel(): void {
    this.#end?.();
    this.#end = undefined;
    this.#drawing.value = undefined;
    this.#pointer.value = undefined;
  }

  /** Closes the polygon. */
  finish(): void {
    const drawing = this.#drawing.peek();
    if (drawing?.shape === 'polygon') this.#take(finished(drawing));
  }

  /** Takes the last place back. */
  back(): void {
    const drawing = this.#drawing.peek();
    if (drawing !== undefined) this.#drawing.value = back(drawing);
    this.fault.value = undefined;
  }

  /** Watches a circle of this radius: around the centre that was chosen, else around the middle of the map. */
  useRadius(metres: number): void {
    const { subject, base } = this.#dashboard;
    const drawing = this.#drawing.peek();
    const now = subject.peek();
    const watched = now.kind === 'area' && 'radius' in now.area ? now.area : undefined;
    const drawn = drawing?.shape === 'circle' ? drawing.corners[0] : undefined;
    const of = watched === undefined ? base.map.getCenter() : { lat: watched.latitude, lng: watched.longitude };
    this.#take(circleOf(drawn ?? of, metres, this.#dashboard.settings.maxRadiusMeters));
  }

  readonly #label = (metres: number) => {
    const most = this.#dashboard.settings.maxRadiusMeters;
    return metres > most ? `${formatDistance(metres)}: ${formatDistance(most)} at the most` : formatDistance(metres);
  };

  #place(place: Corner): void {
    const drawing = this.#drawing.peek();
    if (drawing === undefined) return;
    const { corners, shape } = drawing;
    if (shape === 'polygon' && corners.length > 2 && this.#pixels(corners[0], place) <= CLOSING) {
      this.finish();
      return;
    }
    const last = corners.at(-1);
    if (last !== undefined && this.#pixels(last, place) <= SAME) {
      // By keys the same place twice is what a double click is.
      if (this.#dashboard.aiming.peek() && shape === 'polygon') this.finish();
      return;
    }
    this.#take(placed(drawing, place, this.#dashboard.settings.maxRadiusMeters));
  }

  #take(step: Step): void {
    this.fault.value = 'fault' in step ? step.fault : undefined;
    if ('drawing' in step) this.#drawing.value = step.drawing;
    if (!('area' in step)) return;
    this.cancel();
    this.#dashboard.watchArea(step.area);
  }

  #pixels(a: Corner, b: Corner): number {
    const { map } = this.#dashboard.base;
    const near = nearTo(a, b);
    const [from, to] = [map.project([a.lng, a.lat]), map.project([near.lng, near.lat])];
    return Math.hypot(to.x - from.x, to.y - from.y);
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const { target } = event;
    const isText = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
    if (event.key === 'Escape') this.cancel();
    else if (event.key === 'Backspace' && !isText) this.back();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}
