import type { GeoJSON } from 'geojson';
import type { Map as MapLibre } from 'maplibre-gl';

/** How often what goes along with gliding drivers is drawn anew, milliseconds. */
const PACE = 100;

/**
 * Draws what goes along with the drivers as they glide, some times a second, and only if it has changed: else drawing would ask
 * for the next frame, and that for drawing.
 *
 * @returns what draws at once, and what ends it
 */
export function alongDrivers(
  map: MapLibre,
  shape: () => GeoJSON | undefined,
  set: (shape: GeoJSON | undefined) => void,
): { draw: () => void; end: () => void } {
  let last: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const draw = () => {
    clearTimeout(timer);
    timer = undefined;
    const next = shape();
    const text = JSON.stringify(next);
    if (text === last) return;
    last = text;
    set(next);
  };
  const onRender = () => {
    timer ??= setTimeout(draw, PACE);
  };
  map.on('render', onRender);
  return {
    draw,
    end: () => {
      clearTimeout(timer);
      map.off('render', onRender);
    },
  };
}
