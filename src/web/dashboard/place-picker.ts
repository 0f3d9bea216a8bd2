import type { MapMouseEvent } from 'maplibre-gl';
import type { Corner } from './area-link.ts';
import type { Dashboard } from './dashboard.ts';

/** Who is told of the places that a reader points at. */
export interface PlaceTaker {
  /** A place was clicked, tapped, or chosen by Enter at the crosshair in the middle of the map. */
  place(place: Corner): void;
  /** Where the next place would be, now. */
  pointer?(place: Corner): void;
}

const MOVING_KEYS: ReadonlySet<string> = new Set(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', '+', '-', '=']);

/**
 * Lets places be chosen on the map: by clicks, and by keys, as a crosshair in its middle shows what Enter takes while the arrows
 * move the map.
 *
 * @returns what ends it
 */
export function pickPlaces(dashboard: Dashboard, taker: PlaceTaker): () => void {
  const { map } = dashboard.base;
  const canvas = map.getCanvas();
  const { aiming } = dashboard;
  const endClicks = dashboard.pointer.take(({ lngLat }) => taker.place(lngLat));
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (MOVING_KEYS.has(event.key)) aiming.value = true;
    else if (event.key === 'Enter') {
      event.preventDefault();
      aiming.value = true;
      taker.place(map.getCenter());
    } else return;
    taker.pointer?.(map.getCenter());
  };
  const onMouse = ({ lngLat }: MapMouseEvent) => {
    aiming.value = false;
    taker.pointer?.(lngLat);
  };
  const onMove = () => {
    if (aiming.value) taker.pointer?.(map.getCenter());
  };
  canvas.addEventListener('keydown', onKey);
  map.on('mousemove', onMouse);
  map.on('move', onMove);
  canvas.style.cursor = 'crosshair';
  return () => {
    endClicks();
    canvas.removeEventListener('keydown', onKey);
    map.off('mousemove', onMouse);
    map.off('move', onMove);
    aiming.value = false;
    canvas.style.cursor = '';
  };
}
